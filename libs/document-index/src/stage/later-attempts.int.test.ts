/** Two processes with the same index: what a later attempt does at one, an earlier one cannot undo at the other. */
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';

import type { OpenStagedRequest } from '@tidemark/contracts';
import { openDocumentIndex, type DocumentIndex } from '@tidemark/document-index';
import { silentLogger } from '@tidemark/platform';
import { contentOf, holdLocks, openTestIndex, waitingForLock, type TestIndex } from '@tidemark/testing';

const ROW = '/a\t0\t1\tPUT\t\\N\t\\N\t{}\n';
const GONE = { code: 'INDEX_UNAVAILABLE' };

let it: TestIndex;
let first: DocumentIndex;
let second: DocumentIndex;
let jobId: string;
beforeAll(async () => {
  it = await openTestIndex();
  await it.put('/live', '{"n":1}');
  first = it.index;
});
afterAll(() => it.close());
beforeEach(async () => {
  jobId = randomUUID();
  second = await openDocumentIndex({ databaseUrl: it.databaseUrl, parallelism: 2, log: silentLogger });
});
afterEach(() => second.close());

const attempt = (fence: number, ofJob = jobId): OpenStagedRequest => ({
  jobId: ofJob,
  fence,
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
});

/** A generation that is loaded, and built unless told otherwise. */
async function staged(index: DocumentIndex, fence: number, { isBuilt = true } = {}) {
  const opened = await index.staged.open(attempt(fence));
  await index.staged.load(opened.sessionId, 0, Readable.from([Buffer.from(ROW)]));
  if (!isBuilt) return opened;
  index.staged.build(opened.sessionId);
  expect(await index.staged.built(opened.sessionId)).toMatchObject({ state: 'DONE' });
  return opened;
}

/** What asking brings once the process has seen that the session's connection was ended. */
async function goneError(ask: () => unknown): Promise<unknown> {
  for (;;) {
    try {
      await ask();
    } catch (error) {
      return error;
    }
    await it.pool.query('SELECT pg_sleep(0.005)');
  }
}

const phases = async (): Promise<unknown[]> =>
  (
    await it.pool.query<{ id: number; phase: string }>(
      `SELECT id::int, phase FROM catalog.generation WHERE job_id = $1`,
      [jobId],
    )
  ).rows;

test.each([false, true])(
  'an opening that comes late leaves what a later attempt has staged (built: %s)',
  async (isBuilt) => {
    const { generation } = await staged(second, 3, { isBuilt });
    await expect(first.staged.open(attempt(1))).rejects.toMatchObject(GONE);
    expect(await phases()).toEqual([{ id: generation, phase: isBuilt ? 'BUILT' : 'STAGED' }]);
  },
);

test('an opening that comes after the switch stages nothing', async () => {
  const { generation, expectedLive } = await staged(second, 3);
  expect(await second.switch({ jobId, generation, expectedLive })).toMatchObject({ outcome: 'SWITCHED' });
  await expect(first.staged.open(attempt(1))).rejects.toMatchObject(GONE);
  await expect(first.staged.open(attempt(5))).rejects.toMatchObject(GONE);
  expect(await phases()).toEqual([{ id: generation, phase: 'IN_SERVICE' }]);
});

test('an opening whose caller has gone away stages nothing, and gives nothing up', async () => {
  const { generation } = await staged(second, 1);
  const other = attempt(1, randomUUID());
  await expect(first.staged.open(other, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
  expect(await phases()).toEqual([{ id: generation, phase: 'BUILT' }]);
});

test('a part that stands still in its transaction does not hold up the next attempt', async () => {
  const { sessionId, generation } = await first.staged.open(attempt(1));
  const standing = new Readable({ read: () => undefined });
  standing.push(ROW);
  const loading = first.staged.load(sessionId, 0, standing);
  const failed = expect(loading).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  const locked = `SELECT FROM pg_locks WHERE relation = 'index_${generation}.document_version'::regclass`;
  while ((await it.pool.query(locked)).rowCount === 0) await it.pool.query('SELECT pg_sleep(0.005)');
  expect(await staged(second, 3)).toMatchObject({ generation });
  await failed;
  expect(await goneError(() => first.staged.buildStatus(sessionId))).toMatchObject(GONE);
});

test('a build that stands still between two steps does not go on in what the next attempt has built', async () => {
  const { sessionId, generation } = await staged(first, 1, { isBuilt: false });
  const held = await holdLocks(it.databaseUrl, `LOCK TABLE index_${generation}.document_version IN SHARE MODE`);
  first.staged.build(sessionId);
  const built = first.staged.built(sessionId);
  await waitingForLock(it.databaseUrl);
  const waitIsOver = AbortSignal.abort(new Error('over'));
  expect(await first.staged.built(sessionId, waitIsOver)).toMatchObject({ state: 'RUNNING' });
  const next = await second.staged.open(attempt(3));
  expect(await built).toMatchObject({ state: 'FAILED', error: { code: 'DATABASE_UNAVAILABLE' } });
  await held.end();
  second.staged.build(next.sessionId);
  expect(await second.staged.built(next.sessionId)).toMatchObject({ state: 'DONE', documents: 1 });
  await second.switch({ jobId, ...next });
  expect(await contentOf(second)).toEqual([ROW.trimEnd()]);
});

test('the snapshot of an earlier attempt ends, whichever process has it, and that of a later one does not', async () => {
  const [earlier, later] = [await first.snapshots.open({ jobId, fence: 1 }, 8192), attempt(3)];
  const { sessionId } = await second.snapshots.open(later, 8192);
  expect(await goneError(() => first.snapshots.countDocuments(earlier.sessionId))).toMatchObject(GONE);
  const late = await first.snapshots.open({ jobId, fence: 1 }, 8192);
  expect(await second.snapshots.countDocuments(sessionId)).toBe(1);
  await first.snapshots.close(late.sessionId);
  await second.snapshots.close(sessionId);
});

test('a snapshot whose caller has gone away is not left open', async () => {
  const gone = AbortSignal.abort(new Error('gone'));
  await expect(first.snapshots.open({ jobId, fence: 1 }, 8192, gone)).rejects.toThrow('gone');
  expect(first.snapshots.openCount).toBe(0);
});
