import { buffer } from 'node:stream/consumers';

import { Controller, Get, Param, Put, Req, Res } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { errorOf, exchange, startTestServer, type TestServer } from '../test-support.test.js';
import { streamedBody } from './body.js';
import { RangeUnsatisfiableError } from './http-errors.js';
import { sendBytes } from './send-bytes.js';

@Controller()
class Store {
  asked = 0;

  @Get('bytes/:failAt')
  async bytes(@Param('failAt') failAt: string, @Res() reply: FastifyReply): Promise<void> {
    const headers = { 'content-length': 6, 'content-type': 'application/octet-stream' };
    await sendBytes(reply, { status: 206, headers, body: this.#chunks(Number(failAt)) });
  }

  @Get('asked')
  askedFor(): object {
    return { asked: this.asked };
  }

  @Get('nothing')
  nothing(): never {
    throw new RangeUnsatisfiableError(42);
  }

  @Put('any')
  async any(@Req() request: FastifyRequest): Promise<object> {
    return { bytes: (await buffer(streamedBody(request))).length };
  }

  async *#chunks(failAt: number): AsyncGenerator<Buffer> {
    for (let n = 0; n < 3; n++) {
      this.asked++;
      if (n === failAt) throw new RangeUnsatisfiableError(n);
      yield await Promise.resolve(Buffer.from('ab'));
    }
  }
}

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer(Store, { streamAll: true, limits: { bodyBytes: 10 } });
});
afterAll(() => server.close());

const ask = (path: string, rest: object = {}): ReturnType<typeof exchange> => exchange(server.port, { path, ...rest });

describe('an answer of bytes', () => {
  test('has its status, its headers and all of the bytes', async () => {
    expect(await ask('/bytes/9')).toMatchObject({ status: 206, text: 'ababab', headers: { 'content-length': '6' } });
  });

  test('that is asked for by HEAD has its headers, and nothing is read for it', async () => {
    const before = (await ask('/asked')).text;
    const answer = await ask('/bytes/9', { method: 'HEAD' });
    expect(answer).toMatchObject({ status: 206, text: '', headers: { 'content-length': '6' } });
    expect((await ask('/asked')).text).toBe(before);
  });

  test('that fails before its first byte is an error body, later it is cut', async () => {
    const refused = await ask('/bytes/0');
    expect(errorOf(refused)).toMatchObject({ statusCode: 416, code: 'RANGE_UNSATISFIABLE' });
    await expect(ask('/bytes/1')).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  test('of which nothing is there says how much there is', async () => {
    expect((await ask('/nothing')).headers['content-range']).toBe('bytes */42');
  });
});

test.each([undefined, 'text/html', 'application/json', 'application/x-www-form-urlencoded'])(
  'a body of type %s is streamed where all are',
  async (type) => {
    const headers = type === undefined ? {} : { 'content-type': type };
    expect((await ask('/any', { method: 'PUT', headers, body: 'x'.repeat(100_000) })).text).toBe('{"bytes":100000}');
  },
);

test('a body that is compressed is refused', async () => {
  const headers = { 'content-encoding': 'gzip' };
  expect(errorOf(await ask('/any', { method: 'PUT', headers, body: 'x' })).code).toBe('CONTENT_TYPE');
});
