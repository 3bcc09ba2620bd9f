import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';

import { errorOf, GatewayFixture } from '../gateway.fixture.test.js';

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

let fixture: GatewayFixture;
let upstream: Server;
let handle: Handler;
const answerOk: Handler = (_request, response) => response.end('{}');

beforeAll(async () => {
  upstream = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const { port } = upstream.address() as AddressInfo;
  fixture = await GatewayFixture.open({ TIDEMARK_INDEX_URL: `http://127.0.0.1:${port}` });
});
afterAll(async () => {
  await fixture.close();
  upstream.closeAllConnections();
  upstream.close();
});
beforeEach(() => {
  handle = answerOk;
});

/** What reaches the index-service of one call. */
async function arrived(call: Parameters<GatewayFixture['ask']>[0]): Promise<IncomingMessage & { body: string }> {
  const { promise, resolve } = Promise.withResolvers<IncomingMessage & { body: string }>();
  handle = (request, response) => {
    void text(request).then((body) => {
      resolve(Object.assign(request, { body }));
      response.end();
    });
  };
  await fixture.ask(call);
  return await promise;
}

describe('what is handed on', () => {
  test.each([
    ['/a/b', '/documents/a/b'],
    ['/', '/documents/'],
    ['/a/', '/documents/a/'],
    ['/a//b', '/documents/a//b'],
    ['/a/../b', '/documents/a/../b'],
    ['/a/..b', '/documents/a/..b'],
    ['/a/%2e%2E/%41%2f', '/documents/a/%2e%2E/%41%2f'],
    ['/a\\b|"<>^`{}', '/documents/a\\b|"<>^`{}'],
    ["/a?x='1'&y=%20+&y#z", "/documents/a?x='1'&y=%20+&y#z"],
    ['/a?', '/documents/a?'],
    ['/core/document-index?documentSelfLink=/a%2Fb*&$limit=1', '/document-index?documentSelfLink=/a%2Fb*&$limit=1'],
  ])('%s goes to %s, character by character', async (path, target) => {
    expect((await arrived({ path })).url).toBe(target);
  });

  test.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'])('%s', async (method) => {
    expect((await arrived({ method, path: '/a' })).method).toBe(method);
  });

  test('headers that mean something there, and no others', async () => {
    const { port } = upstream.address() as AddressInfo;
    const { headers, body } = await arrived({
      method: 'PUT',
      path: '/a',
      body: '{"ä":1}',
      headers: {
        accept: 'application/json',
        'content-type': 'application/json; charset=utf-8',
        'if-match': '"1-2"',
        'if-none-match': '"3-4", W/"5-6"',
        'x-request-id': 'mine',
        host: 'localhost',
        connection: 'keep-alive, x-hop',
        'keep-alive': 'timeout=5',
        'x-hop': '1',
        te: 'trailers',
        upgrade: 'h2c',
        authorization: 'Bearer secret',
        cookie: 'a=b',
        'proxy-authorization': 'Basic x',
        'x-forwarded-for': '1.2.3.4',
        expect: '100-continue',
      },
    });
    expect(body).toBe('{"ä":1}');
    expect(headers).toEqual({
      accept: 'application/json',
      'content-type': 'application/json; charset=utf-8',
      'content-length': '8',
      'if-match': '"1-2"',
      'if-none-match': '"3-4", W/"5-6"',
      'x-request-id': 'mine',
      host: `127.0.0.1:${port}`,
      connection: 'keep-alive',
      'x-tidemark-grant': expect.stringMatching(/^[\w-]+\.[\w-]+$/),
    });
  });

  test('an empty body stays empty', async () => {
    const { headers, body } = await arrived({ method: 'POST', path: '/a' });
    expect([body, headers['content-length'], headers['content-type']]).toEqual(['', '0', undefined]);
  });
});

describe('what comes back', () => {
  test('is the answer as it is, without what belongs to the connection', async () => {
    handle = (_request, response) =>
      response
        .writeHead(418, {
          etag: '"1-2"',
          location: '/a',
          'content-type': 'x/y',
          connection: 'x-hop, close',
          'x-hop': '1',
          'x-kept': 'yes',
        })
        .end('tea');
    const { status, headers, text: body } = await fixture.ask({ path: '/a' });
    expect([status, body]).toEqual([418, 'tea']);
    expect(headers).toMatchObject({ etag: '"1-2"', location: '/a', 'content-type': 'x/y', 'x-kept': 'yes' });
    expect(headers['x-hop']).toBeUndefined();
  });

  test('is passed on as it comes, piece by piece', async () => {
    const pieces: ServerResponse[] = [];
    handle = (_request, response) => {
      pieces.push(response);
      response.write('first');
    };
    const sent = httpRequest(fixture.gateway.url, { path: '/a', agent: false }).end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    expect(String((await once(answer, 'data'))[0])).toBe('first');
    pieces[0]?.end('second');
    expect(await text(answer)).toBe('second');
  });

  test('and breaks off is cut off, so that nobody takes it for whole', async () => {
    handle = (_request, response) => {
      response.write('half');
      setImmediate(() => response.destroy());
    };
    const sent = httpRequest(fixture.gateway.url, { path: '/a', agent: false }).end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    await expect(text(answer)).rejects.toThrow('aborted');
  });
});

describe('an index-service that does not answer', () => {
  const unavailable = { statusCode: 503, code: 'INDEX_UNAVAILABLE', message: 'the index-service does not answer' };

  test('because it hangs up', async () => {
    handle = ({ socket }) => socket.destroy();
    expect(errorOf(await fixture.ask({ path: '/a' }))).toMatchObject(unavailable);
    expect(errorOf(await fixture.ask({ method: 'PUT', path: '/a', body: '{}' }))).toMatchObject(unavailable);
  });

  test('because it speaks something else', async () => {
    handle = ({ socket }) => socket.end('hello');
    expect(errorOf(await fixture.ask({ path: '/a' }))).toMatchObject(unavailable);
  });

  test('and is busy for ever does not keep GET /core/management from answering', async () => {
    handle = () => undefined;
    const { status, text: body } = await fixture.ask({ path: '/core/management' });
    expect([status, JSON.parse(body)]).toMatchObject([
      200,
      { index: null, jobs: {}, problems: { index: [expect.stringMatching(/no answer within 2 s|does not answer/)] } },
    ]);
  });

  test('because it is not there', async () => {
    const alone = await GatewayFixture.open();
    for (const path of ['/a', '/core/document-index?documentSelfLink=/a']) {
      expect(errorOf(await alone.ask({ path }))).toMatchObject(unavailable);
    }
    const headers = { 'content-type': 'application/x-ndjson' };
    const bulk = alone.ask({ method: 'POST', path: '/core/document-index', headers, body: '{}\n'.repeat(100_000) });
    expect(errorOf(await bulk)).toMatchObject(unavailable);
    await alone.close();
  });
});

describe('a kept connection that was closed by the other side just now', () => {
  /** The first request on each connection is answered, a further one hung up on. */
  const closing = (): { handle: Handler; asked: string[] } => {
    const used = new WeakSet<Socket>();
    const asked: string[] = [];
    return {
      asked,
      handle: ({ socket, method }, response) => {
        asked.push(method ?? '');
        if (used.has(socket)) socket.destroy();
        else response.writeHead(200, { 'content-length': 2 }).end('{}');
        used.add(socket);
      },
    };
  };

  test.each(['GET', 'HEAD'])('%s is asked once more', async (method) => {
    const stale = closing();
    ({ handle } = stale);
    for (let n = 0; n < 4; n++) expect((await fixture.ask({ method, path: '/a' })).status).toBe(200);
    expect(stale.asked.length).toBeGreaterThan(4);
  });

  test.each(['PUT', 'POST', 'PATCH', 'DELETE'])('%s is not: it may have been done', async (method) => {
    const stale = closing();
    ({ handle } = stale);
    await fixture.ask({ path: '/fresh' });
    const answers = [await fixture.ask({ method, path: '/a' }), await fixture.ask({ method, path: '/a' })];
    expect(answers.map(({ status }) => status)).toContain(503);
    expect(stale.asked.filter((each) => each === method)).toHaveLength(2);
  });
});

describe('a caller that goes away', () => {
  test('before the answer', async () => {
    const closed = Promise.withResolvers<unknown>();
    const gone = new AbortController();
    handle = (request) => {
      request.socket.once('close', closed.resolve);
      gone.abort();
    };
    await expect(fixture.ask({ path: '/a', signal: gone.signal })).rejects.toThrow('aborted');
    await closed.promise;
  });

  test('in the middle of the answer', async () => {
    const closed = Promise.withResolvers<unknown>();
    handle = (request, response) => {
      request.socket.once('close', closed.resolve);
      response.write('half');
    };
    const sent = httpRequest(fixture.gateway.url, { path: '/a', agent: false }).end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    await once(answer, 'data');
    sent.destroy();
    await closed.promise;
  });

  test('in the middle of a bulk write: the index-service sees that it is not whole', async () => {
    const seen = Promise.withResolvers<boolean>();
    const begun = Promise.withResolvers<unknown>();
    handle = (request) => {
      request.once('data', begun.resolve);
      request.once('close', () => seen.resolve(request.complete));
    };
    const sent = bulkRequest();
    sent.on('error', () => undefined);
    sent.write('{}\n');
    await begun.promise;
    sent.destroy();
    expect(await seen.promise).toBe(false);
  });
});

function bulkRequest(): ReturnType<typeof httpRequest> {
  return httpRequest(fixture.gateway.url, {
    method: 'POST',
    path: '/core/document-index',
    headers: { 'content-type': 'application/x-ndjson' },
    agent: false,
  });
}

describe('a bulk write', () => {
  const CHUNK = Buffer.alloc(64 * 1024, '{"documentSelfLink":"/a"}\n');
  const CHUNKS = 800;

  test('of 50 MB is not kept anywhere on the way', async () => {
    const mayRead = Promise.withResolvers<unknown>();
    const received = Promise.withResolvers<string>();
    handle = async (request, response) => {
      await mayRead.promise;
      const hash = createHash('sha256');
      for await (const chunk of request) hash.update(chunk as Buffer);
      received.resolve(hash.digest('hex'));
      response.end('{}');
    };
    const sent = bulkRequest();
    const answered = once(sent, 'response');
    const hash = createHash('sha256');
    let held: number | undefined;
    for (let n = 0; n < CHUNKS; n++) {
      hash.update(CHUNK);
      if (sent.write(CHUNK)) continue;
      const drained = once(sent, 'drain');
      // As long as nobody reads at the other end, the buffers on the way fill up, and then nothing moves any more.
      if (held !== undefined) await drained;
      else if ((await Promise.race([drained, delay(500, 'held')])) === 'held') {
        held = n * CHUNK.length;
        mayRead.resolve(undefined);
        await drained;
      }
    }
    sent.end();
    expect(held).toBeLessThan(40_000_000);
    expect(await received.promise).toBe(hash.digest('hex'));
    const [answer] = (await answered) as [IncomingMessage];
    expect([answer.statusCode, await text(answer)]).toEqual([200, '{}']);
  });

  test('is answered early where the index-service has seen enough', async () => {
    const isBroken = Promise.withResolvers<unknown>();
    handle = (request, response) => {
      request.once('data', () => response.writeHead(400).end('enough'));
      request.socket.once('close', isBroken.resolve);
    };
    const sent = bulkRequest();
    sent.on('error', () => undefined);
    sent.write(CHUNK);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    expect([answer.statusCode, await text(answer)]).toEqual([400, 'enough']);
    await isBroken.promise;
    sent.destroy();
  });
});
