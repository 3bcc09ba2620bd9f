import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

import { describe, expect, test } from '@jest/globals';

import { unusedPort } from './unused-port.js';

describe('unusedPort', () => {
  test('gives ports that can be listened on, each once, and none that a connection is given', async () => {
    const ports = await Promise.all(Array.from({ length: 50 }, () => unusedPort()));
    expect(new Set(ports).size).toBe(50);
    const anyPort = createServer().listen(0, '127.0.0.1');
    await once(anyPort, 'listening');
    expect(Math.max(...ports)).toBeLessThan((anyPort.address() as AddressInfo).port);
    const server = createServer().listen(ports[0], '127.0.0.1');
    await once(server, 'listening');
    for (const each of [anyPort, server]) each.close();
  });

  test('says what the system says of an address that is not ours', async () => {
    await expect(unusedPort('192.0.2.1')).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
  });
});
