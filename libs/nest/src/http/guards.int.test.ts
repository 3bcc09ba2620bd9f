import { Readable } from 'node:stream';

import { Controller, Get, Res } from '@nestjs/common';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { NotFoundError } from '@tidemark/contracts';
import type { FastifyReply } from 'fastify';

import { converse, exchange, startTestServer, type TestServer } from '../test-support.test.js';
import { sendEvents } from './event-stream.js';
import { sendBytes } from './send-bytes.js';
import { sendWithTrailers } from './trailers.js';

@Controller()
class Answers {
  @Get('json')
  json(): object {
    return { a: '<script>' };
  }

  @Get('events')
  events(@Res() reply: FastifyReply): Promise<void> {
    return sendEvents(reply, async function* () {
      yield await Promise.resolve({ data: 1 });
    });
  }

  @Get('bytes')
  bytes(@Res() reply: FastifyReply): Promise<void> {
    return sendBytes(reply, {
      status: 206,
      headers: { 'content-type': 'text/html' },
      body: Readable.from([Buffer.from('x')]),
    });
  }

  @Get('trailed')
  trailed(@Res() reply: FastifyReply): Promise<void> {
    return sendWithTrailers(reply, {
      headers: {},
      body: Readable.from([Buffer.from('x')]),
      trailerNames: [],
      trailers: () => ({}),
    });
  }

  @Get('fails')
  fails(@Res() reply: FastifyReply): Promise<void> {
    const body = (async function* (): AsyncGenerator<Buffer> {
      yield await Promise.reject<Buffer>(new NotFoundError('it'));
    })();
    return sendBytes(reply, { status: 200, headers: { 'cache-control': 'public', 'x-own': '1' }, body });
  }
}

const GUARDS = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox",
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer(Answers);
});
afterAll(() => server.close());

test.each([
  ['/json', 200],
  ['/events', 200],
  ['/bytes', 206],
  ['/trailed', 200],
  ['/fails', 404],
  ['/nothing', 404],
  ['/%zz', 400],
  [`/${'x'.repeat(9000)}`, 413],
])('what is answered to %.20s keeps a browser from making more of it', async (path, status) => {
  const answer = await exchange(server.port, { path });
  expect(answer.status).toBe(status);
  expect(answer.headers).toMatchObject({ ...GUARDS, 'x-request-id': expect.any(String) as unknown });
  expect(answer.headers['x-own']).toBeUndefined();
});

test('so does the answer to what is not HTTP', async () => {
  const [head = ''] = (await converse(server.port, 'GET / HTTP/1.1\r\nhost: localhost\r\na b: c\r\n\r\n')).split(
    '\r\n\r\n',
  );
  const lines = head.toLowerCase().split('\r\n');
  expect(lines).toEqual(
    expect.arrayContaining(Object.entries(GUARDS).map(([name, value]) => `${name}: ${value}`.toLowerCase())),
  );
});
