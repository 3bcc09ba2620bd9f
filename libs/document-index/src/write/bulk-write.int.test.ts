import { createHash } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { linesOf, openTestIndex, type TestIndex } from '@tidemark/testing';

let it: TestIndex;
beforeAll(async () => {
  it = await openTestIndex();
});
afterAll(() => it.close());

const line = (link: string, fields: object = {}): string => JSON.stringify({ documentSelfLink: link, ...fields });
const deletion = (link: string): string => line(link, { documentUpdateAction: 'DELETE' });

/** Stamps and versions of a link’s history, oldest first. */
async function history(link: string): Promise<{ version: number; stamp: number; action: string }[]> {
  const { live } = await it.index.reader.pointer();
  const { rows } = await it.pool.query<{ version: string; stamp: string; action: string }>(
    `SELECT version, update_time_micros AS stamp, update_action AS action FROM index_${live}.document_version
      WHERE link = $1 ORDER BY version`,
    [link],
  );
  return rows.map(({ version, stamp, action }) => ({ version: Number(version), stamp: Number(stamp), action }));
}

describe('bulk write', () => {
  test('creates, replaces and deletes, one transaction and one stamp a batch', async () => {
    const first = await it.index.writeLines(linesOf([line('/b/1'), line('/b/2'), line('/b/3')]));
    expect(first).toEqual({ accepted: 3, versions: 3, lastUpdateTimeMicros: expect.any(Number) });
    const second = await it.index.writeLines(
      linesOf([line('/b/2', { n: 2 }), deletion('/b/3'), deletion('/b/none'), line('/b/4')]),
    );
    expect(second).toMatchObject({ accepted: 4, versions: 3 });
    const stamps = [first.lastUpdateTimeMicros!, second.lastUpdateTimeMicros!];
    expect(await history('/b/1')).toEqual([{ version: 0, stamp: stamps[0], action: 'PUT' }]);
    expect(await history('/b/3')).toEqual([
      { version: 0, stamp: stamps[0], action: 'PUT' },
      { version: 1, stamp: stamps[1], action: 'DELETE' },
    ]);
    expect(await history('/b/4')).toEqual([{ version: 0, stamp: stamps[1], action: 'PUT' }]);
    const third = await it.index.writeLines(linesOf([line('/b/3', { again: true })]));
    expect(await history('/b/3')).toHaveLength(3);
    expect(third.versions).toBe(1);
  });

  test('a link that comes again begins a new batch', async () => {
    await it.index.writeLines(
      linesOf([line('/again', { n: 0 }), line('/again', { n: 1 }), deletion('/again'), line('/again')]),
    );
    const versions = await history('/again');
    expect(versions.map(({ version, action }) => [version, action])).toEqual([
      [0, 'PUT'],
      [1, 'PUT'],
      [2, 'DELETE'],
      [3, 'PUT'],
    ]);
    expect(new Set(versions.map(({ stamp }) => stamp)).size).toBe(4);
  });

  test('batches end at 10,000 lines and at 8 MiB', async () => {
    const many = Array.from({ length: 10_001 }, (_, n) => line(`/many/${n}`));
    expect(await it.index.writeLines(linesOf(many))).toMatchObject({ accepted: 10_001, versions: 10_001 });
    expect((await history('/many/9999'))[0]!.stamp).toBeLessThan((await history('/many/10000'))[0]!.stamp);
    const large = Array.from({ length: 9 }, (_, n) => line(`/large/${n}`, { text: 'x'.repeat(1_000_000) }));
    await it.index.writeLines(linesOf(large));
    expect((await history('/large/7'))[0]!.stamp).toBe((await history('/large/0'))[0]!.stamp);
    expect((await history('/large/8'))[0]!.stamp).toBeGreaterThan((await history('/large/7'))[0]!.stamp);
  });

  test('over many batches, what is stored is what was sent', async () => {
    const sizes = Array.from({ length: 60 }, (_, n) => (n % 3 === 0 ? 1_000_000 - n : 10_000 + 97 * n));
    const texts = sizes.map((size, n) => String.fromCharCode(97 + (n % 26)).repeat(size));
    await it.index.writeLines(linesOf(texts.map((text, n) => line(`/sent/${n}`, { text }))));
    const { live } = await it.index.reader.pointer();
    const { rows } = await it.pool.query<{ link: string; sum: string }>(
      `SELECT link, md5(body::text) AS sum FROM index_${live}.document_version WHERE link LIKE '/sent/%'`,
    );
    const stored = Object.fromEntries(rows.map(({ link, sum }) => [link, sum]));
    const sent = texts.map((text, n) => [
      `/sent/${n}`,
      createHash('md5').update(JSON.stringify({ text })).digest('hex'),
    ]);
    expect(stored).toEqual(Object.fromEntries(sent));
  });

  test('blank lines, a missing last line end and CRLF are fine; nothing at all too', async () => {
    const source = [Buffer.from(`\n${line('/blank/1')}\r\n \t\n`), Buffer.from(line('/blank/2'))];
    expect(await it.index.writeLines(chunks(source))).toMatchObject({ accepted: 2, versions: 2 });
    expect(await it.index.writeLines(chunks([]))).toEqual({ accepted: 0, versions: 0, lastUpdateTimeMicros: null });
  });

  test('however the bytes come in, the lines are the same', async () => {
    const text = Buffer.from(['a', 'b', 'c'].map((name) => line(`/cut/${name}`, { text: '😀é\\"\n' })).join('\n'));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(text.length), { maxLength: 6 }), async (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), text.length];
        const pieces = places.slice(1).map((end, n) => text.subarray(places[n], end));
        expect(await it.index.writeLines(chunks(pieces))).toMatchObject({ accepted: 3, versions: 3 });
      }),
      { numRuns: 20 },
    );
    const { version } = await it.index.reader.document({ link: '/cut/b' });
    expect(JSON.parse(version.body)).toEqual({ text: '😀é\\"\n' });
  });

  test.each([
    ['not JSON', 'nonsense', 'expected an object'],
    ['without a link', '{}', 'it has no documentSelfLink'],
    ['with a link of the system', line('/core/x'), 'everything under /core'],
    ['with a bad link', line('/a//b'), 'a segment is empty'],
    ['with a duplicate name', '{"documentSelfLink":"/x","a":1,"a":2}', 'comes twice'],
    ['too long', line('/x', { text: 'x'.repeat(1 << 20) }), 'over its limit'],
  ])('a line %s stops the write; what is before it is stored and counted', async (name, bad, reason) => {
    const link = `/bad/${name.replaceAll(' ', '-')}`;
    const lines = [line(`${link}/1`), '', line(`${link}/2`), bad, line(`${link}/3`)];
    await expect(it.index.writeLines(linesOf(lines))).rejects.toMatchObject({
      code: 'LINE_INVALID',
      message: expect.stringContaining(reason),
      details: { line: 4, stored: 2 },
    });
    expect(await history(`${link}/2`)).toHaveLength(1);
    expect(await history(`${link}/3`)).toHaveLength(0);
  });

  test('a source that breaks leaves whole batches only', async () => {
    const broken = async function* (): AsyncGenerator<Buffer> {
      yield* linesOf([line('/broken/1'), line('/broken/1'), line('/broken/2')]);
      throw new Error('the client is gone');
    };
    await expect(it.index.writeLines(broken())).rejects.toThrow('the client is gone');
    expect(await history('/broken/2')).toHaveLength(0);
  });

  test('bulk writers over the same links in opposite orders neither deadlock nor lose a version', async () => {
    const links = Array.from({ length: 300 }, (_, n) => `/opposite/${n}`);
    const orders = [links, [...links].reverse(), links, [...links].reverse()];
    await Promise.all(orders.map((order) => it.index.writeLines(linesOf(order.map((link) => line(link))))));
    expect((await history('/opposite/7')).map(({ version }) => version)).toEqual([0, 1, 2, 3]);
  });

  test('deleting what is deleted writes nothing, beside what does', async () => {
    await it.index.writeLines(linesOf([line('/gone/1'), line('/gone/2')]));
    await it.index.writeLines(linesOf([deletion('/gone/1')]));
    const again = await it.index.writeLines(linesOf([deletion('/gone/1'), deletion('/gone/2'), line('/gone/3')]));
    expect(again).toMatchObject({ accepted: 3, versions: 2 });
    expect(await history('/gone/1')).toHaveLength(2);
    expect(await it.index.writeLines(linesOf([deletion('/gone/1')]))).toEqual({
      accepted: 1,
      versions: 0,
      lastUpdateTimeMicros: null,
    });
  });

  test('batches that write and delete the same links in opposite orders do not deadlock either', async () => {
    const links = Array.from({ length: 300 }, (_, n) => `/mixed/${n}`);
    await it.index.writeLines(linesOf(links.map((link) => line(link))));
    const mixed = links.map((link, n) => (n % 2 ? line(link) : deletion(link)));
    const other = links.map((link, n) => (n % 2 ? deletion(link) : line(link))).reverse();
    await Promise.all([mixed, other, mixed, other].map((each) => it.index.writeLines(linesOf(each))));
    const versions = await history('/mixed/7');
    expect(versions.map(({ version }) => version)).toEqual(versions.map((_, n) => n));
    expect(versions.filter(({ action }) => action === 'PUT')).toHaveLength(3);
  });

  test('a document ahead of the clock takes its whole batch ahead, and the floor', async () => {
    await it.index.writeLines(linesOf([line('/ahead/1'), line('/ahead/2')]));
    const { live } = await it.index.reader.pointer();
    const ahead = (await history('/ahead/2'))[0]!.stamp + 3_600_000_000;
    await it.pool.query(`UPDATE index_${live}.document SET update_time_micros = $1 WHERE link = '/ahead/2'`, [ahead]);
    const changes = [line('/ahead/1', { n: 1 }), line('/ahead/2', { n: 1 }), line('/ahead/3')];
    const { lastUpdateTimeMicros } = await it.index.writeLines(linesOf(changes));
    expect(lastUpdateTimeMicros).toBe(ahead + 1);
    for (const n of [1, 2, 3]) expect((await history(`/ahead/${n}`)).at(-1)!.stamp).toBe(ahead + 1);
    const { rows } = await it.pool.query<{ stamp: string }>(
      `SELECT update_time_micros AS stamp FROM index_${live}.document WHERE link LIKE '/ahead/%'
        UNION ALL SELECT stamp_floor FROM catalog.index`,
    );
    expect(rows.map(({ stamp }) => Number(stamp))).toEqual(Array<number>(4).fill(ahead + 1));
  });
});

async function* chunks(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) {
    await Promise.resolve();
    yield piece;
  }
}
