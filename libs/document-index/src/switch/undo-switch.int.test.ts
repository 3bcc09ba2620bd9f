import { afterEach, beforeEach, expect, test } from '@jest/globals';

import type { SwitchAnswer, UndoRequest } from '@tidemark/contracts';
import { copySnapshot, openTestIndex, restore, type TestIndex } from '@tidemark/testing';

let it: TestIndex;
let switched: Extract<SwitchAnswer, { outcome: 'SWITCHED' }>;
let undo: UndoRequest;
let redo: UndoRequest;

/** An index with /kept, restored over one in which /kept was changed and /late was written. */
beforeEach(async () => {
  it = await openTestIndex();
  await it.put('/kept', '{"n":1}');
  const copied = await copySnapshot(it.index);
  await it.put('/kept', '{"n":2}');
  await it.put('/late', '{}');
  switched = (await restore(it.index, copied)) as typeof switched;
  const { generation, previousGeneration } = switched;
  undo = { wantedLive: previousGeneration ?? 0, wantedPrevious: generation };
  redo = { wantedLive: undo.wantedPrevious, wantedPrevious: undo.wantedLive };
});
afterEach(() => it.close());

const answerOf = (versionsLeftBehind: number) => ({
  outcome: 'SWITCHED',
  versionsLeftBehind,
  floorMicros: expect.any(Number),
});

const isThere = (link: string): Promise<boolean> =>
  it.index.reader.state({ link }).then(
    () => true,
    () => false,
  );

test('lets the two generations change places, and counts what is left behind', async () => {
  await it.put('/after', '{}');
  expect(await it.index.undoSwitch(undo)).toEqual(answerOf(1));
  expect(await it.index.reader.pointer()).toMatchObject({ live: undo.wantedLive, previous: undo.wantedPrevious });
  expect([await isThere('/late'), await isThere('/after')]).toEqual([true, false]);
  expect(await it.index.undoSwitch(redo)).toEqual(answerOf(2));
  expect([await isThere('/late'), await isThere('/after')]).toEqual([false, true]);
});

test('asked for again, changes nothing and answers the same', async () => {
  const answers = await Promise.all([1, 2, 3].map(() => it.index.undoSwitch(undo)));
  expect(answers).toEqual(Array(3).fill(answerOf(0)));
  expect(new Set(answers.map((answer) => answer.outcome === 'SWITCHED' && answer.floorMicros)).size).toBe(1);
  await it.put('/since', '{}');
  expect(await it.index.undoSwitch(undo)).toEqual(answers[0]);
  expect((await it.index.reader.pointer()).live).toBe(undo.wantedLive);
});

test('is refused where other generations are in service', async () => {
  await restore(it.index, await copySnapshot(it.index));
  const { live, previous } = await it.index.reader.pointer();
  expect(await it.index.undoSwitch(undo)).toEqual({ outcome: 'REFUSED', live, previous });
  expect(await it.index.reader.pointer()).toMatchObject({ live, previous });
});

test('a later one says a higher floor, also where the clock stands behind it', async () => {
  await it.pool.query('UPDATE catalog.index SET stamp_floor = stamp_floor + 60000000');
  const floors: number[] = [];
  for (const request of [undo, redo, redo, undo]) {
    const answer = await it.index.undoSwitch(request);
    if (answer.outcome === 'SWITCHED') floors.push(answer.floorMicros);
  }
  const [first = 0] = floors;
  expect(floors).toEqual([first, first + 1, first + 1, first + 2]);
});

test('lets no stamp come twice: the floor has risen over all that the other generation has given out', async () => {
  const { version: before } = await it.put('/clock', '{}');
  await it.index.undoSwitch(undo);
  const { version: after } = await it.put('/clock', '{}');
  expect(after?.updateTimeMicros).toBeGreaterThan(before?.updateTimeMicros ?? Infinity);
});

test('is busy while a writer keeps the lock, and nothing has changed then', async () => {
  const writer = await it.pool.connect();
  await writer.query('BEGIN');
  await writer.query(
    'SELECT pg_advisory_xact_lock_shared(classid::bigint::int, objid::bigint::int) FROM (SELECT 1910374401 AS classid, 1 AS objid) lock',
  );
  await expect(it.index.undoSwitch(undo)).rejects.toMatchObject({ code: 'SWITCH_BUSY' });
  await writer.query('COMMIT');
  writer.release();
  expect((await it.index.reader.pointer()).live).toBe(switched.generation);
});
