import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { MAX_DOCUMENT_BYTES } from '@tidemark/contracts';
import { holdLocks, openTestIndex, type TestIndex } from '@tidemark/testing';

import { documentText, parseDocument } from '../json/document-json.js';
import type { WriteRequest, WriteResult } from './write-document.js';

let it: TestIndex;
beforeAll(async () => {
  it = await openTestIndex();
});
afterAll(() => it.close());

const write = (
  method: 'POST' | 'PUT' | 'PATCH',
  link: string,
  body: string,
  ifMatch?: string,
): Promise<WriteResult> => {
  const document = parseDocument(Buffer.from(body));
  return it.index.write({
    method,
    link,
    document,
    ...(ifMatch === undefined ? {} : { ifMatch }),
  } satisfies WriteRequest);
};
const read = async (link: string): Promise<string> => documentText((await it.index.reader.document({ link })).version);
const etag = ({ generation, version }: WriteResult): string => `"${generation}-${version?.version ?? ''}"`;

describe('a document’s life', () => {
  test('versions rise by one with each change, deletes and re-creates too, and stamps rise with them', async () => {
    const results = [
      await write('POST', '/life/a', '{"n":1}'),
      await write('PUT', '/life/a', '{"n":2}'),
      await write('PATCH', '/life/a', '{"m":3}'),
      await it.delete('/life/a'),
      await write('POST', '/life/a', '{"n":5}'),
      await it.delete('/life/a'),
      await write('PUT', '/life/a', '{"n":7}'),
    ];
    expect(results.map(({ effect }) => effect)).toEqual([
      ...['CREATED', 'UPDATED', 'UPDATED', 'UPDATED', 'CREATED', 'UPDATED', 'CREATED'],
    ]);
    const versions = results.map(({ version }) => version!);
    expect(versions.map(({ version }) => version)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(versions.map(({ updateAction }) => updateAction)).toEqual([
      ...['POST', 'PUT', 'PATCH', 'DELETE', 'POST', 'DELETE', 'PUT'],
    ]);
    expect(versions.map(({ body }) => body)).toEqual([
      ...['{"n":1}', '{"n":2}', '{"n":2,"m":3}', '{"n":2,"m":3}', '{"n":5}', '{"n":5}', '{"n":7}'],
    ]);
    const stamps = versions.map(({ updateTimeMicros }) => updateTimeMicros);
    expect(stamps).toEqual([...new Set(stamps)].sort((a, b) => a - b));
    for (const version of versions) {
      const state = await it.index.reader.state({ link: '/life/a', version: version.version });
      expect(state.version).toEqual(version);
      const asOf = await it.index.reader.state({ link: '/life/a', asOfMicros: version.updateTimeMicros });
      expect(asOf.version).toEqual(version);
    }
    await expect(it.index.reader.state({ link: '/life/a', asOfMicros: stamps[0]! - 1 })).rejects.toMatchObject({
      code: 'DOCUMENT_NOT_FOUND',
    });
  });

  test('what a method may not do is refused', async () => {
    await write('POST', '/refused/there', '{}');
    await it.put('/refused/gone', '{}');
    await it.delete('/refused/gone');
    await expect(write('POST', '/refused/there', '{}')).rejects.toMatchObject({ code: 'DOCUMENT_EXISTS' });
    await expect(write('PATCH', '/refused/never', '{}')).rejects.toMatchObject({ code: 'DOCUMENT_NOT_FOUND' });
    await expect(write('PATCH', '/refused/gone', '{}')).rejects.toMatchObject({ code: 'DOCUMENT_DELETED' });
    expect(await it.delete('/refused/never')).toMatchObject({ effect: 'NOTHING', version: null });
    expect(await it.delete('/refused/gone')).toMatchObject({ effect: 'NOTHING', version: null });
    await expect(read('/refused/never')).rejects.toMatchObject({ code: 'DOCUMENT_NOT_FOUND' });
    await expect(read('/refused/gone')).rejects.toMatchObject({ code: 'DOCUMENT_DELETED' });
  });

  test('every digit and every character comes back', async () => {
    const body =
      '{"big":12345678901234567890,"huge":1e400,"tenth":0.10,"emoji":"😀 naïve \\ud83d\\ude00","lone":"\\ud800","nul":"\\u0000",' +
      '"back":"\\\\n\\t\\r\\n","\\u0000":{"":[-0,-0.0,1E+2]}}';
    await write('POST', '/exact', body);
    expect(await read('/exact')).toContain(body.slice(0, -1));
    await write('PATCH', '/exact', '{"added":1.50}');
    expect(await read('/exact')).toContain(`${body.slice(0, -1)},"added":1.50,`);
  });

  test('kind and expiration are kept, PATCH leaves them, PUT replaces them', async () => {
    await write('POST', '/kind', '{"documentKind":"k","documentExpirationTimeMicros":9007199254740991}');
    expect(await read('/kind')).toContain('"documentKind":"k"');
    await write('PATCH', '/kind', '{"a":1}');
    expect(await read('/kind')).toContain('"documentExpirationTimeMicros":9007199254740991');
    await write('PATCH', '/kind', '{"documentKind":null}');
    expect(await read('/kind')).not.toContain('documentKind');
    await write('PUT', '/kind', '{}');
    expect(await read('/kind')).not.toContain('documentExpirationTimeMicros');
  });

  test('a merged document over the limit is refused and nothing is written', async () => {
    const half = 'x'.repeat(MAX_DOCUMENT_BYTES / 2);
    await write('POST', '/large', `{"a":"${half}"}`);
    await expect(write('PATCH', '/large', `{"b":"${half}"}`)).rejects.toMatchObject({ code: 'TOO_LARGE' });
    expect((await it.index.reader.document({ link: '/large' })).version.version).toBe(0);
  });
});

describe('If-Match', () => {
  test('lets a change through only at the version it names', async () => {
    const first = await write('POST', '/match', '{"n":1}');
    const second = await write('PUT', '/match', '{"n":2}', etag(first));
    await expect(write('PUT', '/match', '{"n":3}', etag(first))).rejects.toMatchObject({ code: 'VERSION_MISMATCH' });
    await expect(write('PATCH', '/match', '{"n":3}', '"0-1"')).rejects.toMatchObject({ code: 'VERSION_MISMATCH' });
    await expect(write('PATCH', '/match', '{"n":3}', `W/${etag(second)}`)).rejects.toMatchObject({
      code: 'VERSION_MISMATCH',
      details: { current: etag(second) },
    });
    await write('PATCH', '/match', '{"n":3}', `"x", ${etag(second)}`);
    await write('PUT', '/match', '{"n":4}', '*');
    await expect(write('PUT', '/match-not-there', '{}', '*')).rejects.toMatchObject({ code: 'VERSION_MISMATCH' });
  });
});

describe('writers at once', () => {
  test('twenty creations of one link make one document and nineteen refusals', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => write('POST', '/race/one', '{}')));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('twenty PUTs of one link are versions 0 to 19 with rising stamps', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, (_, n) => write('PUT', '/race/many', `{"n":${n}}`)));
    const versions = results.map(({ version }) => version!).sort((a, b) => a.version - b.version);
    expect(versions.map(({ version }) => version)).toEqual(Array.from({ length: 20 }, (_, n) => n));
    const stamps = versions.map(({ updateTimeMicros }) => updateTimeMicros);
    expect(stamps).toEqual([...new Set(stamps)].sort((a, b) => a - b));
  });

  test('increments under If-Match lose none', async () => {
    await write('PUT', '/race/counter', '{"n":0}');
    const increment = async (): Promise<void> => {
      for (;;) {
        const { generation, version } = await it.index.reader.document({ link: '/race/counter' });
        const { n } = JSON.parse(version.body) as { n: number };
        try {
          await write('PUT', '/race/counter', `{"n":${n + 1}}`, `"${generation}-${version.version}"`);
          return;
        } catch (error) {
          expect(error).toMatchObject({ code: 'VERSION_MISMATCH' });
        }
      }
    };
    await Promise.all(Array.from({ length: 10 }, increment));
    expect(await read('/race/counter')).toContain('"n":10');
  });

  test('one that waits for a row for longer than it may is told that the index is too busy', async () => {
    const bounded = await openTestIndex({ writeMillis: 3000 });
    await bounded.put('/held', '{"n":1}');
    const held = await holdLocks(bounded.databaseUrl, 'SELECT FROM index_1.document FOR UPDATE');
    await expect(bounded.put('/held', '{"n":2}')).rejects.toMatchObject({ code: 'INDEX_UNAVAILABLE' });
    await held.end();
    expect((await bounded.put('/held', '{"n":3}')).version).toMatchObject({ version: 1, body: '{"n":3}' });
    await bounded.close();
  });

  test('a stamp never falls behind the floor or the document’s last one', async () => {
    const { version } = await write('PUT', '/stamps', '{}');
    const future = version!.updateTimeMicros + 60_000_000;
    await it.pool.query('UPDATE catalog.index SET stamp_floor = $1', [future]);
    const next = await write('PUT', '/stamps', '{}');
    expect(next.version!.updateTimeMicros).toBe(future + 1);
    const third = await write('PUT', '/stamps', '{}');
    expect(third.version!.updateTimeMicros).toBe(future + 2);
    const { rows } = await it.pool.query<{ floor: string }>('SELECT stamp_floor AS floor FROM catalog.index');
    expect(Number(rows[0]!.floor)).toBe(future + 2);
  });
});
