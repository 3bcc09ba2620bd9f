import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { buffer, text } from 'node:stream/consumers';

import { Controller, Post, Put, Req } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { errorBodySchema, type ErrorBody } from '@tidemark/contracts';
import type { FastifyRequest } from 'fastify';

import { converse, errorOf, exchange, startTestServer, type TestServer } from '../test-support.test.js';
import { jsonBody, streamedBody } from './body.js';
import { BodyLimit } from './body-limit.js';
import { BYTES_TYPE, NDJSON_TYPE } from './content-type.js';

let read = Promise.withResolvers<unknown>();

@Controller()
class Reading {
  @Post('small')
  small(@Req() request: FastifyRequest): object {
    return { length: jsonBody(request).length };
  }

  @Post('large')
  @BodyLimit(5000)
  large(@Req() request: FastifyRequest): object {
    return { length: jsonBody(request).length };
  }

  @Put('streamed')
  async streamed(@Req() request: FastifyRequest): Promise<object> {
    try {
      return { length: (await buffer(streamedBody(request, { type: BYTES_TYPE, limitBytes: 10_000 }))).length };
    } catch (error) {
      read.resolve(error);
      throw error;
    }
  }

  @Post('first-line')
  async firstLine(@Req() request: FastifyRequest): Promise<object> {
    for await (const chunk of streamedBody(request, { type: NDJSON_TYPE })) return { first: String(chunk)[0] };
    return {};
  }
}

const JSON_HEADERS = { 'content-type': 'application/json' };
const LIMITS = { bodyBytes: 1000, lingerMillis: 30_000 };
const IMPATIENT = { bodyMillis: 300, stallMillis: 300, lingerMillis: 300 };

let server: TestServer;
let impatient: TestServer;
let hasty: TestServer;
beforeAll(async () => {
  server = await startTestServer(Reading, { limits: LIMITS });
  impatient = await startTestServer(Reading, { limits: { ...LIMITS, ...IMPATIENT } });
  hasty = await startTestServer(Reading, { limits: { headersMillis: 500 } });
});
beforeEach(() => {
  read = Promise.withResolvers();
});
afterAll(async () => {
  await server.close();
  await impatient.close();
  await hasty.close();
});

const post = (path: string, body: string | AsyncIterable<Uint8Array>): ReturnType<typeof exchange> =>
  exchange(server.port, { method: 'POST', path, headers: JSON_HEADERS, body });

describe('a body over its limit', () => {
  test('is refused by its Content-Length', async () => {
    expect((await post('/small', 'x'.repeat(1000))).text).toBe('{"length":1000}');
    const answer = await post('/small', 'x'.repeat(1001));
    expect(errorOf(answer)).toMatchObject({ statusCode: 413, code: 'TOO_LARGE', details: { limitBytes: 1000 } });
  });

  test('is refused without a Content-Length', async () => {
    expect((await post('/small', pieces(10, 100))).text).toBe('{"length":1000}');
    expect(errorOf(await post('/small', pieces(11, 100))).code).toBe('TOO_LARGE');
  });

  test('is measured by the limit of its route', async () => {
    expect((await post('/large', 'x'.repeat(5000))).text).toBe('{"length":5000}');
    expect(errorOf(await post('/large', 'x'.repeat(5001)))).toMatchObject({ details: { limitBytes: 5000 } });
  });

  test('is refused while it is streamed', async () => {
    const streamed = (count: number): ReturnType<typeof exchange> =>
      exchange(server.port, {
        method: 'PUT',
        path: '/streamed',
        headers: { 'content-type': BYTES_TYPE },
        body: pieces(count, 1000),
      });
    expect((await streamed(10)).text).toBe('{"length":10000}');
    expect(errorOf(await streamed(11)).code).toBe('TOO_LARGE');
  });

  test('does not keep its sender from reading the answer, nor from asking again', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set<Socket>();
    const large = (path: string, bytes: number): Promise<number> =>
      new Promise((resolve, reject) => {
        const headers = { 'content-type': path === '/first-line' ? NDJSON_TYPE : 'application/json' };
        const request = httpRequest({ host: '127.0.0.1', port: server.port, method: 'POST', path, agent, headers });
        request.on('socket', (socket) => sockets.add(socket)).on('error', reject);
        request.on('response', (response) => {
          response.resume().on('end', () => resolve(response.statusCode ?? 0));
        });
        request.end(Buffer.alloc(bytes, 'x'));
      });
    expect(await large('/small', 5_000_000)).toBe(413);
    expect(await large('/small', 10)).toBe(201);
    expect(await large('/first-line', 5_000_000)).toBe(201);
    expect(await large('/small', 10)).toBe(201);
    expect(sockets.size).toBe(1);
    agent.destroy();
  });

  test('that never ends is cut off some time after the answer', async () => {
    const socket = connect(impatient.port, '127.0.0.1').on('error', () => undefined);
    socket.write('POST /small HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n');
    const answer = text(socket);
    await once(socket, 'close');
    expect(errorIn(await answer)).toMatchObject({ code: 'TOO_LARGE' });
  });
});

describe('a slow sender', () => {
  const begin = 'host: localhost\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{';

  test('of headers is timed out', async () => {
    expect(errorIn(await converse(hasty.port, 'GET / HTTP/1.1\r\nhost: loc'))).toMatchObject({
      statusCode: 408,
      code: 'REQUEST_TIMEOUT',
    });
  });

  test('of nothing at all is timed out', async () => {
    expect(errorIn(await converse(hasty.port, ''))).toMatchObject({ code: 'REQUEST_TIMEOUT' });
  });

  test('of a body is timed out', async () => {
    const error = errorIn(await converse(impatient.port, `POST /small HTTP/1.1\r\n${begin}`));
    expect(error).toMatchObject({ code: 'REQUEST_TIMEOUT', message: 'the body did not arrive within 0.3 s' });
  });

  test('of a streamed body is timed out', async () => {
    const streamed = begin.replace('application/json', BYTES_TYPE);
    const error = errorIn(await converse(impatient.port, `PUT /streamed HTTP/1.1\r\n${streamed}`));
    expect(error).toMatchObject({ code: 'REQUEST_TIMEOUT', message: 'more of the body did not arrive within 0.3 s' });
  });

  test('that goes away in the middle is no failure of ours', async () => {
    const before = server.logged.length;
    const socket = connect(server.port, '127.0.0.1');
    socket.write(`PUT /streamed HTTP/1.1\r\n${begin.replace('application/json', BYTES_TYPE)}`, () => socket.destroy());
    expect(await read.promise).toMatchObject({ code: 'REQUEST_MALFORMED' });
    expect(server.logged.slice(before).filter(({ level }) => level !== 'debug')).toEqual([]);
  });
});

describe('a request that is none', () => {
  const HOST = 'host: localhost\r\n';

  test.each([
    ['that is not HTTP', 'HELO there\r\n\r\n', 400, 'REQUEST_MALFORMED'],
    ['with a broken header', `GET / HTTP/1.1\r\n${HOST}a b: c\r\n\r\n`, 400, 'REQUEST_MALFORMED'],
    ['without a host', 'GET / HTTP/1.1\r\nconnection: close\r\n\r\n', 400, 'REQUEST_MALFORMED'],
    ['with two hosts', `GET / HTTP/1.1\r\n${HOST}${HOST}connection: close\r\n\r\n`, 400, 'REQUEST_MALFORMED'],
    ['to a whole URL', `GET http://localhost/ HTTP/1.1\r\n${HOST}connection: close\r\n\r\n`, 400, 'REQUEST_MALFORMED'],
    ['to a star', `OPTIONS * HTTP/1.1\r\n${HOST}connection: close\r\n\r\n`, 400, 'REQUEST_MALFORMED'],
    ['with huge headers', `GET / HTTP/1.1\r\n${HOST}x: ${'y'.repeat(20_000)}\r\n\r\n`, 413, 'TOO_LARGE'],
    ['to a huge URL', `GET /${'y'.repeat(9000)} HTTP/1.1\r\n${HOST}connection: close\r\n\r\n`, 413, 'TOO_LARGE'],
    [
      'with both kinds of length',
      `POST /small HTTP/1.1\r\n${HOST}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
      'REQUEST_MALFORMED',
    ],
    [
      'with a broken chunk',
      `POST /small HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\nzz\r\n`,
      400,
      'REQUEST_MALFORMED',
    ],
  ])('%s gets the error body', async (_, bytes, statusCode, code) => {
    expect(errorIn(await converse(server.port, bytes))).toMatchObject({ statusCode, code });
  });
});

async function* pieces(count: number, bytes: number): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < count; n++) yield await Promise.resolve(Buffer.alloc(bytes, 'x'));
}

/** The error body of an answer as it came over the wire. */
function errorIn(answer: string): ErrorBody {
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  expect(head.toLowerCase()).toMatch(/\r\nx-request-id: [\da-f-]{36}/);
  const error = errorBodySchema.parse(JSON.parse(body));
  expect(head.startsWith(`HTTP/1.1 ${error.statusCode} `)).toBe(true);
  return error;
}
