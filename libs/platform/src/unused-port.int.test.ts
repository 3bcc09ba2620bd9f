import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';

import { describe, expect, test } from '@jest/globals';

import { unusedPort } from './unused-port.js';

/** Where the system has been told to give other ports to connections, nothing is promised. */
async function firstForConnections(): Promise<number> {
  const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '');
  return range === '' ? Infinity : Number.parseInt(range, 10);
}

describe('unusedPort', () => {
  test('gives ports that can be listened on, each once, and none that a connection is given', async () => {
    const ports = await Promise.all(Array.from({ length: 50 }, () => unusedPort()));
    expect(new Set(ports).size).toBe(50);
    const anyPort = createServer().listen(0, '127.0.0.1');
    await once(anyPort, 'listening');
    if ((await firstForConnections()) >= 32_000) {
      expect(Math.max(...ports)).toBeLessThan((anyPort.address() as AddressInfo).port);
    }
    const server = createServer().listen(ports[0], '127.0.0.1');
    await once(server, 'listening');
    for (const each of [anyPort, server]) each.close();
  });

  test('says what the system says of an address that is not ours', async () => {
    await expect(unusedPort('192.0.2.1')).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
  });
});
