import { randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';

import type { OpenStagedRequest } from '@tidemark/contracts';
import { contentOf, openTestIndex, stage, type TestIndex } from '@tidemark/testing';

let it: TestIndex;
let before: string[];
beforeAll(async () => {
  it = await openTestIndex();
  await it.put('/live', '{"n":1}');
});
afterAll(() => it.close());
beforeEach(async () => {
  before = await contentOf(it.index);
});

const request = (changes: Partial<OpenStagedRequest> = {}): OpenStagedRequest => ({
  jobId: randomUUID(),
  fence: 1,
  archive: {
    manifestSha256: 'm',
    system: 's',
    generation: 1,
    closedTimeMicros: 1000,
    documents: 1,
    versions: 1,
    earliestUpdateTimeMicros: 1,
    latestUpdateTimeMicros: 1,
  },
  boundaryMicros: null,
  ...changes,
});
const row = (link: string, version: number, stamp: number, action = 'PUT', body = '{}'): string =>
  `${[link, version, stamp, action, '\\N', '\\N', body].join('\t')}\n`;
const rows = (...lines: string[]): Readable => Readable.from([Buffer.from(lines.join(''))]);

/** Stages rows as the archive of an index with these counts would bring them. */
const staged = (parts: string[], documents: number): ReturnType<typeof stage> =>
  stage(it.index, {
    system: 's',
    generation: 1,
    closedTimeMicros: 1000,
    documents,
    parts: parts.map((part) => Buffer.from(part)),
  });

describe('a history that is not whole is refused, and the live index stays', () => {
  test.each([
    ['a hole', [row('/a', 0, 1), row('/a', 2, 3)], 'the versions of a link are not a whole history', '/a'],
    ['no version 0', [row('/a', 1, 1)], 'the versions of a link are not a whole history', '/a'],
    [
      'two holes that make up for each other',
      [row('/a', -1, 1), row('/a', 1, 2)],
      'the versions of a link are not a whole history',
      '/a',
    ],
    [
      'a hole in one of two',
      [row('/a', 0, 1), row('/b', 0, 2), row('/b', 2, 3)],
      'the versions of a link are not a whole history',
      '/b',
    ],
    [
      'the largest version alone',
      [row('/a', Number.MAX_SAFE_INTEGER, 1)],
      'the versions of a link are not a whole history',
      '/a',
    ],
    ['a negative version', [row('/a', -1, 1), row('/a', 0, 2)], 'the versions of a link are not a whole history', '/a'],
    ['stamps that fall', [row('/a', 0, 5), row('/a', 1, 4)], 'the versions of a link are not a whole history', '/a'],
    ['stamps that stand', [row('/a', 0, 5), row('/a', 1, 5)], 'the versions of a link are not a whole history', '/a'],
    ['a stamp of 0', [row('/a', 0, 0)], 'the versions of a link are not a whole history', '/a'],
    ['an unknown action', [row('/a', 0, 1, 'GET')], 'the versions of a link are not a whole history', '/a'],
    ['a version twice', [row('/a', 0, 1), row('/a', 0, 1)], 'a version of a link comes twice', undefined],
    ['a bad link', [row('/a//b', 0, 1)], 'a link is not valid', '/a//b'],
    ['a link with dots', [row('/a/../b', 0, 1)], 'a link is not valid', '/a/../b'],
    ['a link that ends in a dot', [row('/a/.', 0, 1)], 'a link is not valid', '/a/.'],
    ['a link that ends in a slash', [row('/a/', 0, 1)], 'a link is not valid', '/a/'],
    ['the link of the system', [row('/core', 0, 1)], 'a link is not valid', '/core'],
    ['a link of the system', [row('/core/x', 0, 1)], 'a link is not valid', '/core/x'],
    ['a link without a slash', [row('a', 0, 1)], 'a link is not valid', 'a'],
    ['a link with a newline', [row('/a\\nb', 0, 1)], 'a link is not valid', '/a\nb'],
    ['a link that is too long', [row(`/${'a'.repeat(1024)}`, 0, 1)], 'a link is not valid', undefined],
    [
      'a link that no index takes',
      [row(`/${randomBytes(20_000).toString('hex')}`, 0, 1)],
      'a link is not valid',
      undefined,
    ],
  ])('%s', async (_, parts, what, link) => {
    const { status } = await staged(parts, 1);
    expect(status).toMatchObject({
      state: 'FAILED',
      error: { code: 'ARCHIVE_DAMAGED', details: { what, ...(link === undefined ? {} : { link }) } },
    });
    expect(await contentOf(it.index)).toEqual(before);
  });

  test('other counts than the manifest says', async () => {
    const { status } = await staged([row('/a', 0, 1)], 2);
    expect(status).toMatchObject({ state: 'FAILED', error: { details: { expected: 2, counted: 1 } } });
  });

  test('a body that is not JSON or too deep for the server, a column too many, a number that is none: the part is not loaded', async () => {
    const { sessionId } = await it.index.staged.open(request());
    for (const bad of [
      row('/a', 0, 1, 'PUT', '{'),
      row('/a', 0, 1, 'PUT', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`),
      `${row('/a', 0, 1).trimEnd()}\tx\n`,
      '/a\tx\t1\tPUT\t\\N\t\\N\t{}\n',
    ]) {
      await expect(it.index.staged.load(sessionId, 1, rows(bad))).rejects.toMatchObject({ code: 'ARCHIVE_DAMAGED' });
    }
    expect(await it.index.staged.load(sessionId, 1, rows(row('/a', 0, 1)))).toEqual({ rowsLoaded: 1, repeated: false });
    await it.index.staged.discard(sessionId);
  });

  test('stamps from the future', async () => {
    const future = (Number(before[0]!.split('\t')[2]) || 0) + 3_600_000_000;
    const archive = { ...request().archive, latestUpdateTimeMicros: future };
    await expect(it.index.staged.open(request({ archive }))).rejects.toMatchObject({ code: 'ARCHIVE_FROM_FUTURE' });
    const early = await it.index.staged.open(request({ archive, boundaryMicros: future - 3_600_000_000 }));
    await it.index.staged.discard(early.sessionId);
    const lying = await staged([row('/a', 0, 1), row('/b', 0, 2)], 2);
    expect(lying.status.state).toBe('DONE');
    const { sessionId } = await it.index.staged.open(request());
    await it.index.staged.load(sessionId, 1, rows(row('/a', 0, future)));
    it.index.staged.build(sessionId);
    expect(await it.index.staged.built(sessionId)).toMatchObject({ error: { code: 'ARCHIVE_FROM_FUTURE' } });
    await it.index.staged.close(sessionId);
  });

  test('stamps that the index gave out itself, by a clock that was ahead, are not from the future', async () => {
    const { floor } = await it.index.reader.pointer();
    const ahead = floor + 3_600_000_000;
    await it.pool.query('UPDATE catalog.index SET stamp_floor = $1', [ahead]);
    const archive = { ...request().archive, latestUpdateTimeMicros: ahead };
    const { sessionId } = await it.index.staged.open(request({ archive }));
    await it.index.staged.discard(sessionId);
    await it.pool.query('UPDATE catalog.index SET stamp_floor = $1', [floor]);
  });
});

describe('parts', () => {
  test('a part is loaded once, however often it is pushed, also by the next attempt', async () => {
    const first = request();
    const opened = await it.index.staged.open(first);
    await it.index.staged.load(opened.sessionId, 1, rows(row('/a', 0, 1)));
    const again = await it.index.staged.load(opened.sessionId, 1, rows(row('/a', 0, 1)));
    expect(again).toEqual({ rowsLoaded: 1, repeated: true });

    const next = await it.index.staged.open({ ...first, fence: 2 });
    expect(next).toMatchObject({ generation: opened.generation, loadedParts: [1] });
    await expect(it.index.staged.load(opened.sessionId, 2, rows(row('/b', 0, 1)))).rejects.toMatchObject({
      code: 'INDEX_UNAVAILABLE',
    });
    it.index.staged.build(next.sessionId);
    expect(await it.index.staged.built(next.sessionId)).toEqual({
      state: 'DONE',
      documents: 1,
      versions: 1,
      latestUpdateTimeMicros: 1,
    });
    await it.index.staged.discard(next.sessionId);
  });

  test('an attempt with a lower fence, another archive or another boundary does not go on with it', async () => {
    const first = request({ fence: 5 });
    const opened = await it.index.staged.open(first);
    const others = [
      { ...first, fence: 4 },
      { ...first, archive: { ...first.archive, manifestSha256: 'other' } },
      { ...first, boundaryMicros: 7 },
    ];
    for (const other of others) {
      const { sessionId, generation } = await it.index.staged.open({ ...other, jobId: randomUUID() });
      expect(generation).not.toBe(opened.generation);
      await it.index.staged.close(sessionId);
    }
    await it.index.staged.close(opened.sessionId);
  });

  test.each([null, 9])(
    'a part that the server has forgotten is missed, boundary %s; the next attempt loads it',
    async (boundaryMicros) => {
      const first = request({ boundaryMicros });
      const { sessionId, generation } = await it.index.staged.open(first);
      await it.index.staged.load(sessionId, 1, rows(row('/a', 0, 1)));
      await it.index.staged.load(sessionId, 2, rows(row('/b', 0, 2)));
      await it.pool.query(`DELETE FROM catalog.staged_part WHERE generation = $1 AND part = 2`, [generation]);
      await it.pool.query(`DELETE FROM index_${generation}.document_version WHERE link = '/b'`);
      it.index.staged.build(sessionId);
      expect(await it.index.staged.built(sessionId)).toMatchObject({
        state: 'FAILED',
        error: { code: 'INDEX_UNAVAILABLE', message: expect.stringContaining('a part that was loaded') },
      });
      const next = await it.index.staged.open({ ...first, fence: 2 });
      expect(next).toMatchObject({ generation, loadedParts: [1] });
      await it.index.staged.discard(next.sessionId);
    },
  );

  test('two parts load side by side, and a stream that breaks leaves nothing of its part', async () => {
    const { sessionId, generation } = await it.index.staged.open(request());
    const slow = new Readable({ read: () => undefined });
    slow.push(row('/a', 0, 1));
    const first = it.index.staged.load(sessionId, 1, slow);
    const loading = `SELECT FROM pg_locks
      WHERE relation = 'index_${generation}.document_version'::regclass AND mode = 'RowExclusiveLock'`;
    while ((await it.pool.query(loading)).rowCount === 0) await it.pool.query('SELECT pg_sleep(0.005)');
    expect(await it.index.staged.load(sessionId, 2, rows(row('/b', 0, 1)))).toMatchObject({ rowsLoaded: 1 });
    slow.destroy(new Error('the archive broke off'));
    await expect(first).rejects.toThrow('the archive broke off');
    const { rows: found } = await it.pool.query(`SELECT link FROM index_${generation}.document_version`);
    expect(found).toEqual([{ link: '/b' }]);
    await it.index.staged.discard(sessionId);
  });

  test('building again after a failure, and after success, is fine', async () => {
    const { sessionId } = await it.index.staged.open(request());
    await it.index.staged.load(sessionId, 2, rows(row('/a', 1, 2)));
    it.index.staged.build(sessionId);
    expect((await it.index.staged.built(sessionId)).state).toBe('FAILED');
    await it.index.staged.load(sessionId, 1, rows(row('/b', 0, 1)));
    await it.pool.query(`SELECT 1`);
    it.index.staged.build(sessionId);
    expect((await it.index.staged.built(sessionId)).state).toBe('FAILED');
    await it.index.staged.discard(sessionId);
  });
});

test('a generation is owned while it is loaded and built; a built one that waits for its switch holds no connection', async () => {
  const owners = async (): Promise<number> => {
    const { rows: held } = await it.pool.query(
      `SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND mode = 'ShareLock'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      [0x71de_0002],
    );
    return held.length;
  };
  const { sessionId } = await it.index.staged.open(request());
  await it.sweepAll();
  await it.index.staged.load(sessionId, 0, rows(row('/a', 0, 1)));
  expect(await owners()).toBe(1);
  it.index.staged.build(sessionId);
  expect((await it.index.staged.built(sessionId)).state).toBe('DONE');
  expect(await owners()).toBe(0);
  expect(it.index.staged.buildStatus(sessionId).state).toBe('DONE');
  expect(await it.index.sweep()).toBe(0);
  await it.index.staged.discard(sessionId);
  expect(await it.sweepAll()).toBe(1);
});

describe('the sweep', () => {
  const generations = async (): Promise<number[]> => {
    const { rows: found } = await it.pool.query<{ id: string }>(
      `SELECT substr(nspname, 7) AS id FROM pg_namespace WHERE nspname ~ '^index_[0-9]+$'`,
    );
    return found.map(({ id }) => Number(id)).sort((a, b) => a - b);
  };

  test('drops what was given up, keeps what is owned or young', async () => {
    await it.sweepAll();
    const { live } = await it.index.reader.pointer();
    const owned = await it.index.staged.open(request());
    await it.pool.query(`UPDATE catalog.generation SET opened_at = now() - interval '1 hour' WHERE id = $1`, [
      owned.generation,
    ]);
    expect(await it.index.sweep()).toBe(0);
    await it.index.staged.close(owned.sessionId);
    expect(await it.sweepAll()).toBe(1);
    expect(await generations()).toEqual([live]);

    const young = await it.index.staged.open(request());
    await it.index.staged.close(young.sessionId);
    expect(await it.index.sweep()).toBe(0);
    const next = await it.index.staged.open(request());
    expect(await it.sweepAll()).toBe(1);
    await it.index.staged.discard(next.sessionId);
    expect(await it.sweepAll()).toBe(1);
    expect(await generations()).toEqual([live]);
    expect(await contentOf(it.index)).toEqual(before);
  });
});
