import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, test } from '@jest/globals';

import { InternalHttp } from './internal-http.js';

const http = new InternalHttp('the index-service');
const { signal } = new AbortController();
let server: Server | undefined;

afterEach(() => {
  server?.close();
});

async function listen(port = 0): Promise<number> {
  server = createServer((_request, response) => response.end('{"ok":true}')).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const port = await listen();
  server?.close();
  return port;
}

describe('the first call of an attempt', () => {
  test('waits for a service that only just starts', async () => {
    const port = await closedPort();
    const answer = http.firstJson({ url: `http://127.0.0.1:${port}/`, signal });
    await expect(http.json({ url: `http://127.0.0.1:${port}/`, signal })).rejects.toThrow('cannot be reached');
    await listen(port);
    expect(await answer).toEqual({ ok: true });
  });

  test('does not wait when it is told to stop', async () => {
    const stop = new AbortController();
    const answer = http.firstJson({ url: `http://127.0.0.1:${await closedPort()}/`, signal: stop.signal });
    stop.abort(new Error('stop'));
    await expect(answer).rejects.toThrow('stop');
  });

  test('is made once where the service was there and broke off', async () => {
    let asked = 0;
    server = createServer((request) => {
      asked++;
      request.socket.destroy();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const call = http.firstJson({ url: `http://127.0.0.1:${port}/`, signal });
    await expect(call).rejects.toMatchObject({ code: 'INDEX_UNAVAILABLE' });
    expect(asked).toBe(1);
  });
});
