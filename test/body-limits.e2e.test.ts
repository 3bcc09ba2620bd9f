import type { OutgoingHttpHeaders } from 'node:http';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { BACKUP_KIND, exchange, refusalOf, startSystem, type RawAnswer, type RunningSystem } from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** How much may be sent: the most that is taken, and one byte more, with the length told before and in chunks. */
let it: RunningSystem;
beforeAll(async () => {
  it = await startSystem();
});
afterAll(() => it.remove());

const KIB = 1024;
const MIB = 1024 * KIB;
const WAYS: [way: string, headers: OutgoingHttpHeaders][] = [
  ['with its length', {}],
  ['in chunks', { 'transfer-encoding': 'chunked' }],
];

const send = (method: string, path: string, body: string, headers: OutgoingHttpHeaders = {}): Promise<RawAnswer> =>
  exchange(it.url, { method, path, body, headers: { 'content-type': 'application/json', ...headers } });
const patch = (body: string, headers: OutgoingHttpHeaders = {}): Promise<RawAnswer> =>
  send('PATCH', '/core/management', body, headers);
const bulk = (body: string): Promise<RawAnswer> =>
  send('POST', '/core/document-index', body, { 'content-type': 'application/x-ndjson' });

/** JSON of an object of so many bytes. */
function objectOf(bytes: number, fields: object = {}): string {
  const empty = JSON.stringify({ ...fields, pad: '' });
  return JSON.stringify({ ...fields, pad: 'x'.repeat(bytes - empty.length) });
}

describe.each(WAYS)('%s', (_way, headers) => {
  test('a management body has at most 64 KiB', async () => {
    const fields = { kind: BACKUP_KIND, destination: `file:${it.archives}/most.zip` };
    expect((await patch(objectOf(64 * KIB, fields), headers)).status).toBe(202);
    for (const bytes of [64 * KIB + 1, 3 * MIB]) {
      const error = refusalOf(await patch(objectOf(bytes, fields), headers));
      expect(error).toMatchObject({
        statusCode: 413,
        code: 'TOO_LARGE',
        details: { limitBytes: 64 * KIB },
        message: 'the body is over its limit of 65536 bytes',
      });
    }
  });

  test.each([
    ['PUT', '/big/a'],
    ['POST', '/big'],
    ['PATCH', '/big/patched'],
  ])('a document has at most 1 MiB: %s', async (method, path) => {
    await it.client.put('/big/patched', {});
    const most = await send(method, path, objectOf(MIB), headers);
    expect([200, 201]).toContain(most.status);
    for (const bytes of [MIB + 1, 3 * MIB]) {
      const error = refusalOf(await send(method, path, objectOf(bytes), headers));
      expect(error).toMatchObject({ statusCode: 413, code: 'TOO_LARGE', details: { limitBytes: MIB } });
    }
  });
});

test('what a merge makes of two documents has at most 1 MiB', async () => {
  await send('PUT', '/merged/a', objectOf(MIB, { a: 1 }));
  const error = refusalOf(await send('PATCH', '/merged/a', '{"b":2}'));
  expect(error).toMatchObject({
    statusCode: 413,
    code: 'TOO_LARGE',
    message: 'the merged document is over its limit of 1048576 bytes',
  });
  expect((await it.client.call('GET', '/merged/a')).body).toMatchObject({ a: 1, documentVersion: 0 });
});

test('a link has at most 1,024 bytes, wherever it comes', async () => {
  const most = `/${'a/'.repeat(500)}${'x'.repeat(23)}`;
  expect(most.length).toBe(1024);
  const more = `${most}x`;
  const encoded = most.replace(/x/g, '%78');
  expect((await send('PUT', most, '{}')).status).toBe(201);
  expect((await send('PUT', encoded, '{}')).status).toBe(200);
  const parent = most.slice(0, most.lastIndexOf('/'));
  const refusals = [
    send('PUT', more, '{}'),
    send('POST', parent, JSON.stringify({ documentSelfLink: more })),
    send('POST', parent, JSON.stringify({ documentSelfLink: 'x'.repeat(24) })),
    exchange(it.url, { path: `/core/document-index?documentSelfLink=${more}` }),
  ];
  for (const answer of await Promise.all(refusals)) {
    const error = refusalOf(answer);
    expect(error).toMatchObject({ statusCode: 400, code: 'LINK_INVALID' });
    expect(error.message).toMatch(/it is longer than 1024 bytes$/);
  }
});

test('a URL has at most 8 KiB, and with its headers at most 16', async () => {
  const url = refusalOf(await exchange(it.url, { path: `/a?${'x'.repeat(8 * KIB)}` }));
  expect(url).toMatchObject({ statusCode: 413, code: 'TOO_LARGE', message: 'the URL is over its limit of 8192 bytes' });
  const headers = refusalOf(await exchange(it.url, { path: '/a', headers: { 'x-pad': 'x'.repeat(17 * KIB) } }));
  expect(headers).toMatchObject({ statusCode: 413, code: 'TOO_LARGE', details: { limitBytes: 16 * KIB } });
});

describe('a bulk write', () => {
  const line = (name: string, fields: object = {}): string => JSON.stringify({ documentSelfLink: name, ...fields });
  const linksUnder = async (prefix: string): Promise<string[]> => [...(await it.client.documents(prefix)).keys()];

  test('has no limit as a whole, and 1 MiB for a line', async () => {
    const lines = [line('/line/first'), objectOf(MIB, { documentSelfLink: '/line/most' }), line('/line/last')];
    expect(await bulk(lines.join('\n'))).toMatchObject({ status: 200 });
    const over = [line('/line/before'), objectOf(MIB + 1, { documentSelfLink: '/line/more' }), line('/line/behind')];
    const error = refusalOf(await bulk(over.join('\n')));
    expect(error).toMatchObject({ statusCode: 400, code: 'LINE_INVALID', details: { line: 2, stored: 1 } });
    expect(error.message).toBe(
      'line 2 is not valid: the document is over its limit of 1048576 bytes (1 lines before it are stored)',
    );
    expect(await linksUnder('/line')).toEqual(['/line/before', '/line/first', '/line/last', '/line/most']);
  });

  test.each([
    ['not JSON', '{"documentSelfLink":', 'the document is not valid: expected a value'],
    ['a list', '[1]', 'the document is not valid: expected an object'],
    ['no link', '{"n":1}', 'the document is not valid: it has no documentSelfLink'],
    ['no whole link', line('a'), 'it must start with /'],
    ['a link of the system’s', line('/core/a'), 'everything under /core is the system’s'],
    ['a link too long', line(`/${'x'.repeat(1024)}`), 'it is longer than 1024 bytes'],
    ['a name twice', '{"documentSelfLink":"/a","n":1,"n":2}', 'the name "n" comes twice'],
    ['a raw tab', `{"documentSelfLink":"/a","n":"\t"}`, 'a control character'],
  ])('stops at a bad line, with all before it stored and nothing behind: %s', async (what, bad, reason) => {
    const prefix = `/stops/${what.replaceAll(/\W/g, '-')}`;
    const good = (n: number): string => line(`${prefix}/${n}`, { n });
    // The link that comes again ends a batch; the blank line counts as a line and is not stored.
    const lines = [good(1), good(2), '', good(1), good(3), bad, good(4), good(5)];
    const error = refusalOf(await bulk(`${lines.join('\n')}\n`));
    expect(error).toMatchObject({
      statusCode: 400,
      code: 'LINE_INVALID',
      errorCode: 0,
      details: { line: 6, stored: 4 },
    });
    expect(error.message).toContain('line 6 is not valid: ');
    expect(error.message).toContain(reason);
    expect(error.message).toMatch(/ \(4 lines before it are stored\)$/);
    expect(await linksUnder(prefix)).toEqual([1, 2, 3].map((n) => `${prefix}/${n}`));
    expect((await it.client.call('GET', `${prefix}/1`)).body).toMatchObject({ documentVersion: 1 });
  });

  test('stops behind thousands of lines at the right one', async () => {
    const lines = Array.from({ length: 25_000 }, (_, n) => line(`/many/${n}`));
    lines[20_499] = 'oops';
    const error = refusalOf(await bulk(lines.join('\n')));
    expect(error).toMatchObject({ code: 'LINE_INVALID', details: { line: 20_500, stored: 20_499 } });
    const found = await it.client.documents('/many/');
    expect(found.size).toBe(20_499);
    expect(found.has('/many/20499')).toBe(false);
  });

  test('answers what it did', async () => {
    const lines = [
      line('/did/a'),
      line('/did/a', { n: 1 }),
      line('/did/b'),
      line('/did/b', { documentUpdateAction: 'DELETE' }),
      line('/did/never', { documentUpdateAction: 'DELETE' }),
    ];
    const answer = await bulk(lines.join('\r\n'));
    const { documentUpdateTimeMicros } = (
      await it.client.call<Record<string, unknown>>(
        'GET',
        '/core/document-index?documentSelfLink=/did/b&includeDeleted',
      )
    ).body;
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      200,
      { accepted: 5, versions: 4, lastUpdateTimeMicros: documentUpdateTimeMicros },
    ]);
    expect(await linksUnder('/did')).toEqual(['/did/a']);
    expect(JSON.parse((await bulk('')).text)).toEqual({ accepted: 0, versions: 0, lastUpdateTimeMicros: null });
  });
});
