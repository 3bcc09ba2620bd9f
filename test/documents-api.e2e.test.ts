import type { OutgoingHttpHeaders } from 'node:http';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { exchange, startSystem, type RawAnswer, type RunningSystem } from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** Documents over HTTP: each method's answer in full, versions, moments in time, listings and their pages. */
let it: RunningSystem;
beforeAll(async () => {
  it = await startSystem();
});
afterAll(() => it.remove());

type Document = Record<string, unknown> & { documentVersion: number; documentUpdateTimeMicros: number };

const send = (
  method: string,
  path: string,
  body?: string | object,
  headers: OutgoingHttpHeaders = {},
): Promise<RawAnswer> =>
  exchange(it.url, {
    method,
    path,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
const get = (path: string, headers: OutgoingHttpHeaders = {}): Promise<RawAnswer> =>
  send('GET', path, undefined, headers);
const parsed = ({ text }: RawAnswer): Document => JSON.parse(text) as Document;
const linksIn = ({ text }: RawAnswer): string[] => (JSON.parse(text) as { documentLinks: string[] }).documentLinks;
const etagAt = (version: number): unknown => expect.stringMatching(new RegExp(`^"\\d+-${version}"$`));

describe('the methods', () => {
  test('POST creates a child under a name, a whole link, or a new UUID of version 7', async () => {
    const named = await send('POST', '/towns', { documentSelfLink: 'bern', n: 1 });
    expect(named).toMatchObject({ status: 201, headers: { location: '/towns/bern', etag: etagAt(0) } });
    expect(parsed(named)).toEqual({
      n: 1,
      documentSelfLink: '/towns/bern',
      documentVersion: 0,
      documentUpdateAction: 'POST',
      documentUpdateTimeMicros: expect.any(Number),
    });
    const whole = await send('POST', '/towns/', { documentSelfLink: '/towns/chur' });
    expect([whole.status, whole.headers.location]).toEqual([201, '/towns/chur']);
    const { headers } = await send('POST', '/towns', {});
    expect(headers.location).toMatch(/^\/towns\/[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    expect((await get(headers.location ?? '')).status).toBe(200);
    const top = await send('POST', '/', { documentSelfLink: 'top' });
    expect([top.status, top.headers.location]).toEqual([201, '/top']);
    expect((await send('POST', '/towns/bern', { documentSelfLink: 'gate' })).headers.location).toBe('/towns/bern/gate');
  });

  test('PUT creates with 201 and a Location, replaces with 200 and none', async () => {
    const created = await send('PUT', '/put/a', { a: 1, b: 2 });
    expect(created).toMatchObject({ status: 201, headers: { location: '/put/a', etag: etagAt(0) } });
    const replaced = await send('PUT', '/put/a', { a: 3 });
    expect([replaced.status, replaced.headers.location]).toEqual([200, undefined]);
    expect(parsed(replaced)).toMatchObject({ a: 3, documentVersion: 1, documentUpdateAction: 'PUT' });
    expect(parsed(replaced)).not.toHaveProperty('b');
    expect((await get('/put/a')).text).toBe(replaced.text);
  });

  test('PATCH merges as RFC 7396 says', async () => {
    await send('PUT', '/patch/a', { a: 'b', c: { d: 'e', f: 'g' }, list: [1, 2] });
    const patched = await send('PATCH', '/patch/a', { a: 'z', c: { f: null, h: {} }, list: [3] });
    expect(patched.status).toBe(200);
    expect(parsed(patched)).toMatchObject({
      a: 'z',
      c: { d: 'e', h: {} },
      list: [3],
      documentVersion: 1,
      documentUpdateAction: 'PATCH',
    });
    expect(parsed(patched).c).not.toHaveProperty('f');
  });

  test('DELETE answers with the last state, and again with nothing; POST and PUT bring it back with the next version', async () => {
    await send('PUT', '/delete/a', { kept: true });
    const deleted = await send('DELETE', '/delete/a');
    expect(deleted).toMatchObject({ status: 200, headers: { etag: etagAt(1) } });
    expect(parsed(deleted)).toMatchObject({ kept: true, documentVersion: 1, documentUpdateAction: 'DELETE' });
    for (const link of ['/delete/a', '/delete/never']) {
      const again = await send('DELETE', link);
      expect([again.status, again.text, again.headers['content-length']]).toEqual([200, '', '0']);
    }
    const back = await send('POST', '/delete', { documentSelfLink: 'a' });
    expect([back.status, parsed(back).documentVersion]).toEqual([201, 2]);
    await send('DELETE', '/delete/a');
    const put = await send('PUT', '/delete/a', {});
    expect([put.status, put.headers.location, parsed(put).documentVersion]).toEqual([201, '/delete/a', 4]);
  });

  test.each([
    '/head/a',
    '/head/',
    '/head/a?documentVersion=0',
    '/head/nothing',
    '/core/document-index?documentSelfLink=/head/a',
    '/core/document-index?documentSelfLink=/head/nothing',
  ])('HEAD %s is GET without its body', async (path) => {
    await send('PUT', '/head/a', { text: 'äöü 🦭' });
    const { headers, status } = await get(path);
    const head = await send('HEAD', path);
    expect([head.status, head.text]).toEqual([status, '']);
    for (const name of ['content-type', 'content-length', 'etag'])
      expect([name, head.headers[name]]).toEqual([name, headers[name]]);
  });

  test('what a client says of the built-in fields is ignored, but for kind and expiry', async () => {
    const claims = {
      documentVersion: 99,
      documentUpdateTimeMicros: 1,
      documentUpdateAction: 'DELETE',
      documentOwner: 'me',
    };
    const kept = { documentKind: 'example:kind', documentExpirationTimeMicros: 5 };
    const put = await send('PUT', '/built-in/a', { ...claims, ...kept, documentSelfLink: '/else/where' });
    expect(put.status).toBe(201);
    expect(parsed(put)).toMatchObject({
      ...kept,
      documentOwner: 'me',
      documentVersion: 0,
      documentSelfLink: '/built-in/a',
      documentUpdateAction: 'PUT',
    });
    expect(parsed(put).documentUpdateTimeMicros).toBeGreaterThan(1);
    expect((await get('/else/where')).status).toBe(404);
  });
});

describe('ETags', () => {
  test('If-Match lets a change through at its version only', async () => {
    const first = (await send('PUT', '/etag/a', {})).headers.etag ?? '';
    const second = await send('PATCH', '/etag/a', { n: 1 }, { 'if-match': first });
    expect([second.status, second.headers.etag]).toEqual([200, etagAt(1)]);
    for (const method of ['PUT', 'PATCH', 'DELETE']) {
      const late = await send(method, '/etag/a', method === 'DELETE' ? undefined : {}, { 'if-match': first });
      expect([late.status, parsed(late).details]).toEqual([412, { current: second.headers.etag }]);
    }
    expect((await get('/etag/a')).headers.etag).toBe(second.headers.etag);
    const listed = { 'if-match': `${first}, ${second.headers.etag ?? ''}` };
    expect((await send('PUT', '/etag/a', {}, listed)).status).toBe(200);
    expect((await send('PUT', '/etag/a', {}, { 'if-match': '*' })).status).toBe(200);
    expect((await send('PUT', '/etag/new', {}, { 'if-match': '*' })).status).toBe(412);
    expect((await send('DELETE', '/etag/a', undefined, { 'if-match': etagOf(await get('/etag/a')) })).status).toBe(200);
  });

  test.each(['GET', 'HEAD'])('If-None-Match of %s spares the body', async (method) => {
    const etag = etagOf(await send('PUT', `/etag/none-${method}`, {}));
    for (const tags of [etag, `"0-0", W/${etag}`, '*']) {
      const same = await send(method, `/etag/none-${method}`, undefined, { 'if-none-match': tags });
      expect([tags, same.status, same.text, same.headers.etag]).toEqual([tags, 304, '', etag]);
    }
    expect((await send(method, `/etag/none-${method}`, undefined, { 'if-none-match': '"0-0"' })).status).toBe(200);
  });
});

describe('versions and moments', () => {
  const stamps: number[] = [];
  beforeAll(async () => {
    for (const n of [0, 1]) stamps.push(parsed(await send('PUT', '/time/a', { n })).documentUpdateTimeMicros);
    stamps.push(parsed(await send('DELETE', '/time/a')).documentUpdateTimeMicros);
    stamps.push(parsed(await send('PUT', '/time/a', { n: 3 })).documentUpdateTimeMicros);
  });

  test('each version by its number, a tombstone too', async () => {
    for (const documentVersion of [0, 1, 2, 3]) {
      const answer = await get(`/time/a?documentVersion=${documentVersion}`);
      expect([answer.status, parsed(answer).documentVersion, answer.headers.etag]).toEqual([
        200,
        documentVersion,
        etagAt(documentVersion),
      ]);
      const index = await get(`/core/document-index?documentSelfLink=/time/a&documentVersion=${documentVersion}`);
      expect([index.status, index.text]).toEqual([200, answer.text]);
    }
    expect((await get('/time/a?documentVersion=4')).status).toBe(404);
  });

  test('as of a microsecond: the boundary itself belongs to it', async () => {
    const stateAt = async (micros: number): Promise<unknown> => {
      const answer = await get(`/time/a?timeSnapshotBoundaryMicros=${micros}`);
      return answer.status === 200 ? parsed(answer).n : answer.status;
    };
    const [first = 0, second = 0, deleted = 0, back = 0] = stamps;
    expect(
      await Promise.all(
        [first - 1, first, second - 1, second, deleted - 1, deleted, back - 1, back, back + 1e9].map(stateAt),
      ),
    ).toEqual([404, 0, 0, 1, 1, 404, 404, 3, 3]);
    const links = async (micros: number): Promise<string[]> =>
      linksIn(await get(`/time/?timeSnapshotBoundaryMicros=${micros}`));
    expect(await Promise.all([first - 1, second, deleted, back].map(links))).toEqual([
      [],
      ['/time/a'],
      [],
      ['/time/a'],
    ]);
  });

  test('a deleted one is there for who asks for deleted ones', async () => {
    await send('PUT', '/time/gone', { n: 1 });
    await send('DELETE', '/time/gone');
    const index = (query: string): Promise<RawAnswer> => get(`/core/document-index?documentSelfLink=/time/${query}`);
    expect((await index('gone')).status).toBe(404);
    expect(parsed(await index('gone&includeDeleted'))).toMatchObject({ n: 1, documentUpdateAction: 'DELETE' });
    expect(linksIn(await index('*'))).toEqual(['/time/a']);
    expect(linksIn(await index('*&includeDeleted'))).toEqual(['/time/a', '/time/gone']);
  });
});

function etagOf({ headers }: RawAnswer): string {
  return headers.etag ?? '';
}
