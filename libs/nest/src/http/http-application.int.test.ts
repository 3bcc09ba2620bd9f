import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';

import { Body, Controller, Delete, Get, HttpCode, Module, Post, Put, Req, Res } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { TidemarkError } from '@tidemark/contracts';
import { Registry } from '@tidemark/platform';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { errorOf, exchange, recordingLogger, startTestServer, type TestServer } from '../test-support.test.js';
import { jsonBody, streamedBody } from './body.js';
import { BodyLimit } from './body-limit.js';
import { NDJSON_TYPE } from './content-type.js';
import { createHttpApplication } from './http-application.js';
import { rawPath, rawQuery } from './request-path.js';

class SwitchBusyError extends TidemarkError {
  readonly code = 'SWITCH_BUSY';
}

@Controller()
class Everything {
  @Post('raw')
  @HttpCode(200)
  raw(@Body() body: unknown): object {
    return Buffer.isBuffer(body) ? { buffer: body.toString('base64') } : { type: typeof body };
  }

  @Post('json')
  json(@Req() request: FastifyRequest): object {
    return { text: jsonBody(request) };
  }

  @Post('ndjson')
  async ndjson(@Req() request: FastifyRequest): Promise<object> {
    return { bytes: (await buffer(streamedBody(request, { type: NDJSON_TYPE, limitBytes: 100_000 }))).length };
  }

  @Put('bytes')
  async bytes(@Body() body: Readable): Promise<object> {
    return { bytes: (await buffer(body)).length };
  }

  @Put('large')
  @BodyLimit(200_000)
  large(@Body() body: Buffer): object {
    return { bytes: body.length };
  }

  @Get('jobs/:id')
  job(): object {
    return {};
  }

  @Delete('jobs/:jobId')
  cancel(): object {
    return {};
  }

  @Get('fails')
  fails(): never {
    throw new Error('the secret is 42');
  }

  @Get('busy')
  busy(): never {
    throw new SwitchBusyError('busy', { details: { holders: 3 } });
  }

  @Get('fails-after-hijack')
  afterHijack(@Res() reply: FastifyReply): never {
    reply.hijack().raw.setHeader('content-type', 'text/html').setHeader('etag', 'x');
    throw new SwitchBusyError('busy');
  }

  @Get('fails-after-headers')
  afterHeaders(@Res() reply: FastifyReply): never {
    reply.hijack().raw.writeHead(200).write('half of the ans');
    throw new Error('too late');
  }

  @Get('documents/*')
  path(@Req() request: FastifyRequest): object {
    return { path: rawPath(request), query: rawQuery(request) };
  }
}

let server: TestServer;
const ask = (path: string, rest: object = {}): ReturnType<typeof exchange> => exchange(server.port, { path, ...rest });
const post = (path: string, type: string | undefined, body: string | Buffer): ReturnType<typeof exchange> =>
  ask(path, { method: 'POST', body, headers: type === undefined ? {} : { 'content-type': type } });

beforeAll(async () => {
  server = await startTestServer(Everything);
});
afterAll(() => server.close());

describe('a body', () => {
  const bytes = randomBytes(300);

  test.each([
    'application/json',
    'text/plain',
    'application/x-www-form-urlencoded',
    'image/png',
    'x/y; a=b',
    undefined,
  ])('of type %s reaches the controller byte for byte', async (type) => {
    expect((await post('/raw', type, bytes)).text).toBe(JSON.stringify({ buffer: bytes.toString('base64') }));
  });

  test('that is streamed reaches the controller unread, whatever its size', async () => {
    const body = (async function* () {
      for (let n = 0; n < 50; n++) yield await Promise.resolve(Buffer.alloc(64 * 1024));
    })();
    const headers = { 'content-type': 'application/octet-stream' };
    expect((await ask('/bytes', { method: 'PUT', headers, body })).text).toBe('{"bytes":3276800}');
  });

  test.each([
    ['application/json', '{"n":12345678901234567890}'],
    ['application/json; charset=utf-8', '{"t":"\u00e4\ud83c\udf0a"}'],
    ['Application/JSON;charset="UTF-8"', '0.10'],
    [undefined, ''],
    ['text/plain', ''],
  ])('as JSON of type %s is the text that was sent: %s', async (type, text) => {
    expect(JSON.parse((await post('/json', type, text)).text)).toEqual({ text });
  });

  test.each([
    'text/plain',
    'application/json; charset=latin1',
    'application/json-patch+json',
    NDJSON_TYPE,
    undefined,
    '/',
  ])('as JSON must not be of type %s', async (type) => {
    expect(errorOf(await post('/json', type, '{}'))).toMatchObject({ statusCode: 415, code: 'CONTENT_TYPE' });
  });

  test('must not be compressed', async () => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const answer = await ask('/json', { method: 'POST', headers, body: '{}' });
    expect(errorOf(answer).code).toBe('CONTENT_TYPE');
  });

  test('as JSON must be UTF-8', async () => {
    const answer = await post('/json', 'application/json', Buffer.from([0x22, 0xc3, 0x28, 0x22]));
    expect(errorOf(answer)).toMatchObject({
      code: 'BODY_UNPARSEABLE',
      message: 'Unparseable JSON body: it is not UTF-8',
    });
  });

  test('of lines is read through to its end', async () => {
    expect((await post('/ndjson', NDJSON_TYPE, 'x'.repeat(100_000))).text).toBe('{"bytes":100000}');
  });
});

describe('a path', () => {
  test.each([
    '/documents/a%20b',
    '/documents/a%2Fb/',
    '/documents/A%C3%A9',
    '/documents/',
    '/documents/x//y',
    '/documents/%25',
  ])('%s reaches the handler as it was sent', async (path) => {
    expect(JSON.parse((await ask(`${path}?q=%26&r`)).text)).toEqual({ path, query: 'q=%26&r' });
  });

  test.each(['/documents/%', '/documents/%zz', '/documents/%c3', '/%ff', '/jobs/%e0%a4%a'])(
    '%s is refused as a broken link',
    async (path) => {
      expect(errorOf(await ask(path))).toMatchObject({ statusCode: 400, code: 'LINK_INVALID' });
    },
  );

  test.each(['/nowhere', '/fails/', '/FAILS', '/jobs', '/jobs/1/2', '//fails', '/documents'])(
    '%s is not there',
    async (path) => {
      expect(errorOf(await ask(path))).toMatchObject({ code: 'NOT_FOUND', message: `${path} not found` });
    },
  );

  test('with a part longer than any link is refused', async () => {
    expect(errorOf(await ask(`/jobs/${'x'.repeat(4000)}`)).code).toBe('LINK_INVALID');
  });
});

describe('a method', () => {
  test.each([
    ['POST', '/jobs/1', 'DELETE, GET, HEAD'],
    ['OPTIONS', '/jobs/1', 'DELETE, GET, HEAD'],
    ['GET', '/json', 'POST'],
    ['DELETE', '/documents/a/b', 'GET, HEAD'],
    ['PATCH', '/bytes', 'PUT'],
  ])('%s is not allowed on %s', async (method, path, allow) => {
    const answer = await ask(path, { method });
    expect(errorOf(answer)).toMatchObject({ code: 'METHOD_NOT_ALLOWED', details: { allowed: allow.split(', ') } });
    expect(answer.headers.allow).toBe(allow);
  });

  test('on a path that is not there is 404 all the same', async () => {
    expect(errorOf(await ask('/nowhere', { method: 'DELETE' })).code).toBe('NOT_FOUND');
  });

  test('that no route of ours could have is not implemented', async () => {
    expect(errorOf(await ask('/jobs/1', { method: 'PROPFIND' }))).toMatchObject({ code: 'NOT_IMPLEMENTED' });
  });

  test('HEAD answers like GET, without a body', async () => {
    expect(await ask('/jobs/1', { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
  });
});

describe('an error', () => {
  test('of ours is answered with its code, status and details', async () => {
    expect(errorOf(await ask('/busy'))).toEqual({
      message: 'busy',
      statusCode: 503,
      documentKind: 'com:vmware:xenon:common:ServiceErrorResponse',
      errorCode: 0,
      code: 'SWITCH_BUSY',
      details: { holders: 3 },
    });
  });

  test('that nobody foresaw is logged once with the request id, and not shown', async () => {
    server.logged.length = 0;
    const answer = await ask('/fails', { headers: { 'x-request-id': 'find-me' } });
    expect(errorOf(answer)).toMatchObject({ statusCode: 500, code: 'INTERNAL' });
    expect(answer.text).not.toContain('42');
    const errors = server.logged.filter(({ level }) => level === 'error');
    expect(errors).toMatchObject([
      { facts: { requestId: 'find-me', method: 'GET', path: '/fails', code: 'INTERNAL' } },
    ]);
    expect(errors[0]?.facts.err).toMatchObject({ message: 'the secret is 42' });
  });

  test('of a reply that was taken over is answered as long as nothing has been sent', async () => {
    const answer = await ask('/fails-after-hijack');
    expect(errorOf(answer).code).toBe('SWITCH_BUSY');
    expect(answer.headers.etag).toBeUndefined();
  });

  test('after an answer has begun cuts the connection', async () => {
    await expect(ask('/fails-after-headers')).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  test('at start is thrown to who starts, and not told by Nest as well', async () => {
    @Module({})
    class NeedsWhatIsNotThere {}
    const module = { module: NeedsWhatIsNotThere, providers: [{ provide: 'a', useFactory: fail }] };
    const logged: TestServer['logged'] = [];
    await expect(startTestServerOf(module, logged)).rejects.toThrow('no database');
    expect(logged.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

describe('the request id', () => {
  test.each(['abc', 'A.b_c-1:2', '01990000-0000-7000-8000-000000000001'])('%s is taken over', async (id) => {
    expect((await ask('/jobs/1', { headers: { 'x-request-id': id } })).headers['x-request-id']).toBe(id);
  });

  test.each(['', 'a b', '<x>', 'x'.repeat(129), 'a"b'])('"%s" is replaced', async (id) => {
    const { headers } = await ask('/jobs/1', { headers: { 'x-request-id': id } });
    expect(headers['x-request-id']).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
  });
});

test('durations are counted by route, method and kind of answer', async () => {
  await ask('/jobs/1');
  await ask('/jobs/2');
  await ask('/a/path/that/is/nowhere', { method: 'PUT' });
  await ask('/another', { method: 'PROPFIND' });
  const metric = await server.metrics.getSingleMetric('tidemark_http_request_duration_seconds')?.get();
  const series = metric?.values.map(({ labels }) => `${labels.method} ${labels.route} ${labels.status}`);
  expect(series).toEqual(expect.arrayContaining(['GET /jobs/:id 2xx', 'PUT none 4xx', 'OTHER none 5xx']));
  expect(series?.join()).not.toContain('nowhere');
});

async function startTestServerOf(module: object, logged: TestServer['logged']): Promise<unknown> {
  return createHttpApplication(module as never, { log: recordingLogger(logged), metrics: new Registry() });
}

function fail(): never {
  throw new Error('no database');
}
