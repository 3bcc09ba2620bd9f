import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

import { afterEach, describe, expect, test } from '@jest/globals';

import { unusedPort } from '@tidemark/platform';

import { InternalHttp, ServiceSilentError } from './internal-http.js';

const http = new InternalHttp('the index-service');
const { signal } = new AbortController();
let server: Server | undefined;

afterEach(() => {
  server?.close();
});

async function listen(port: number): Promise<void> {
  server = createServer((_request, response) => response.end('{"ok":true}')).listen(port, '127.0.0.1');
  await once(server, 'listening');
}

describe('the first call of an attempt', () => {
  test('waits for a service that only just starts', async () => {
    const port = await unusedPort();
    const answer = http.firstJson({ url: `http://127.0.0.1:${port}/`, signal });
    await expect(http.json({ url: `http://127.0.0.1:${port}/`, signal })).rejects.toThrow('cannot be reached');
    await listen(port);
    expect(await answer).toEqual({ ok: true });
  });

  test('does not wait when it is told to stop', async () => {
    const stop = new AbortController();
    const answer = http.firstJson({ url: `http://127.0.0.1:${await unusedPort()}/`, signal: stop.signal });
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

describe('a service that took a call', () => {
  const hasty = http.within(20);
  /** Long enough for a service that lives to say so on a busy machine. */
  const patient = http.within(3000);

  /** A service that does with a call what is given, and shows that it lives as long as it is asked to. */
  async function serve(isAlive: () => boolean, onCall: (response: ServerResponse) => void): Promise<string> {
    server = createServer((request, response) => {
      if (request.url === '/') onCall(response);
      else if (isAlive()) response.end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }
  afterEach(() => server?.closeAllConnections());

  test('may take longer than its silence as long as it shows that it lives', async () => {
    let asked = 0;
    let answer: () => void = () => undefined;
    const isAlive = (): boolean => {
      if (++asked === 2) answer();
      return true;
    };
    const url = await serve(isAlive, (response) => (answer = () => response.end('{"ok":true}')));
    expect(await patient.json({ url, signal })).toEqual({ ok: true });
  });

  test('and shows no life is waited for no longer', async () => {
    const url = await serve(
      () => false,
      () => undefined,
    );
    const call = hasty.json({ url, signal });
    await expect(call).rejects.toThrow(ServiceSilentError);
    await expect(call).rejects.toMatchObject({ code: 'INDEX_UNAVAILABLE', message: 'the index-service is silent' });
  });

  test('and stands still in the middle of its answer is waited for no longer', async () => {
    let isAlive = true;
    const url = await serve(
      () => isAlive,
      (response) => response.write('{"ok":'),
    );
    const { data } = await patient.request({ url, signal });
    isAlive = false;
    await expect(text(data)).rejects.toThrow(ServiceSilentError);
  });

  test('is not waited for when the caller stops', async () => {
    const url = await serve(
      () => true,
      () => undefined,
    );
    const stop = new AbortController();
    const call = patient.json({ url, signal: stop.signal });
    stop.abort(new Error('stop'));
    await expect(call).rejects.toThrow('stop');
  });
});
