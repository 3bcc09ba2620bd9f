import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

import { Controller, Get, Res } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { NotFoundError } from '@tidemark/contracts';
import type { FastifyReply } from 'fastify';

import { errorOf, exchange, startTestServer, type TestServer } from '../test-support.test.js';
import { sendEvents, type ServerSentEvent } from './event-stream.js';
import { sendWithTrailers } from './trailers.js';

let ended = Promise.withResolvers<string>();
let mayFail = Promise.withResolvers<unknown>();
let produced = 0;

@Controller()
class Replies {
  @Get('events')
  events(@Res() reply: FastifyReply): Promise<void> {
    return sendEvents(reply, async function* () {
      yield await Promise.resolve({ id: '7', event: 'job', data: { text: 'a\nb\u2028' } });
      yield { data: null };
    });
  }

  @Get('endless-events')
  endless(@Res() reply: FastifyReply): Promise<void> {
    return sendEvents(reply, untilOver, { pingMillis: 10 });
  }

  @Get('flood-of-events')
  flood(@Res() reply: FastifyReply): Promise<void> {
    return sendEvents(reply, flooding);
  }

  @Get('no-events')
  none(@Res() reply: FastifyReply): Promise<void> {
    return sendEvents(reply, () => failing(new NotFoundError('the job')));
  }

  @Get('trailed')
  trailed(@Res() reply: FastifyReply): Promise<void> {
    let bytes = 0;
    const body = (async function* () {
      for (let n = 0; n < 100; n++) {
        const chunk = await Promise.resolve(Buffer.alloc(100_000, 97 + (n % 26)));
        trailed.push(chunk);
        bytes += chunk.length;
        yield chunk;
      }
    })();
    return sendWithTrailers(reply, {
      headers: { 'content-type': 'application/octet-stream', 'x-part': '1' },
      body,
      trailerNames: ['x-bytes', 'x-done'],
      trailers: () => ({ 'x-bytes': String(bytes), 'x-done': 'yes' }),
    });
  }

  @Get('patient')
  async patient(@Res() reply: FastifyReply): Promise<void> {
    const answer = { headers: {}, body: endless(), trailerNames: ['x-done'], trailers: () => ({}), stallMillis: 40 };
    await sendWithTrailers(reply, answer).catch((error: unknown) => ended.resolve(String(error)));
  }

  @Get('fails-at-once')
  failsAtOnce(@Res() reply: FastifyReply): Promise<void> {
    return sendWithTrailers(reply, failingAnswer([]));
  }

  @Get('fails-later')
  failsLater(@Res() reply: FastifyReply): Promise<void> {
    return sendWithTrailers(reply, failingAnswer(['begun', 'more']));
  }
}

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer(Replies, { limits: { stallMillis: 300 } });
});
beforeEach(() => {
  ended = Promise.withResolvers();
  mayFail = Promise.withResolvers();
  produced = 0;
  server.logged.length = 0;
});
afterAll(() => server.close());

const get = (path: string): ReturnType<typeof exchange> => exchange(server.port, { path });

describe('server-sent events', () => {
  test('come one by one, each on lines of its own, with a request id', async () => {
    const { headers, text: stream } = await get('/events');
    expect(headers).toMatchObject({ 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    expect(headers['x-request-id']).toBeDefined();
    expect(stream).toBe('id: 7\nevent: job\ndata: {"text":"a\\nb\u2028"}\n\ndata: null\n\n');
  });

  test('begin at once, so those that fail before the first one are cut off', async () => {
    await expect(get('/no-events')).rejects.toThrow('aborted');
  });

  test('end when the caller goes away, and keep the connection alive until then', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.write('GET /endless-events HTTP/1.1\r\nhost: localhost\r\n\r\n');
    let received = '';
    for await (const chunk of socket) {
      received += String(chunk);
      if (received.includes(': ping\n\n')) break;
    }
    expect(received).toContain('data: "first"');
    expect(await ended.promise).toBe('the caller has gone away');
    expect(server.logged.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('do not pile up for a caller that takes none, who is cut off in the end', async () => {
    const socket = connect(server.port, '127.0.0.1').on('error', () => undefined);
    socket.write('GET /flood-of-events HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await ended.promise;
    expect(produced).toBeLessThan(1000);
    socket.resume();
    await once(socket, 'close');
  });

  test('of HEAD are only their headers', async () => {
    expect(await exchange(server.port, { method: 'HEAD', path: '/endless-events' })).toMatchObject({
      status: 200,
      text: '',
    });
  });
});

describe('an answer with trailers', () => {
  test('brings them after its body', async () => {
    const answer = await get('/trailed');
    expect(answer.headers).toMatchObject({ trailer: 'x-bytes, x-done', 'x-part': '1' });
    const letters = Array.from({ length: 100 }, (_, n) => String.fromCharCode(97 + (n % 26)));
    expect(answer.text === letters.map((letter) => letter.repeat(100_000)).join('')).toBe(true);
    expect(answer.trailers).toEqual({ 'x-bytes': '10000000', 'x-done': 'yes' });
    expect(trailed.map(({ length }) => length)).toEqual(letters.map(() => 0));
  });

  test('waits for a caller that takes nothing as long as it says itself', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.write('GET /patient HTTP/1.1\r\nhost: localhost\r\n\r\n');
    expect(await ended.promise).toContain('within 0.04 s');
    socket.destroy();
  });

  test('whose body fails before its first byte is the error body', async () => {
    const answer = await get('/fails-at-once');
    expect(errorOf(answer).code).toBe('NOT_FOUND');
    expect(answer.headers.trailer).toBeUndefined();
  });

  test('whose body fails later is cut off', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.write('GET /fails-later HTTP/1.1\r\nhost: localhost\r\n\r\n');
    let received = '';
    for await (const chunk of socket) {
      received += String(chunk);
      if (received.includes('more')) mayFail.resolve(undefined);
    }
    expect(received).toContain('begun');
    expect(received).not.toContain('\r\n0\r\n');
    await expect(get('/fails-later')).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});

test('what waits for events ends when the server is closed', async () => {
  const closing = await startTestServer(Replies);
  const socket = connect(closing.port, '127.0.0.1');
  socket.write('GET /endless-events HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await once(socket, 'data');
  const rest = text(socket);
  await closing.close();
  expect(await ended.promise).toBe('the server is stopping');
  expect(await rest).toContain('0\r\n\r\n');
});

async function* untilOver(signal: AbortSignal): AsyncGenerator<ServerSentEvent> {
  yield { data: 'first' };
  if (!signal.aborted) await once(signal, 'abort');
  ended.resolve((signal.reason as Error).message);
}

/** What has been sent by the answer with trailers. */
const trailed: Buffer[] = [];

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield await Promise.resolve(Buffer.alloc(100_000));
}

async function* flooding(): AsyncGenerator<ServerSentEvent> {
  try {
    for (;;) {
      produced++;
      yield await Promise.resolve({ data: 'x'.repeat(100_000) });
    }
  } finally {
    ended.resolve('cut');
  }
}

async function* failing(error: Error): AsyncGenerator<ServerSentEvent> {
  yield await Promise.reject<ServerSentEvent>(error);
}

function failingAnswer(chunks: string[]): Parameters<typeof sendWithTrailers>[1] {
  const body = (async function* () {
    yield* chunks.map((chunk) => Buffer.from(chunk));
    if (chunks.length > 0) await mayFail.promise;
    throw new NotFoundError('the rest');
  })();
  return { headers: {}, body, trailerNames: ['x-done'], trailers: () => ({ 'x-done': 'yes' }) };
}
