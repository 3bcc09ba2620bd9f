import { readFile } from 'node:fs/promises';

import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';

import { fingerprintOf, holdChanges, query } from '@tidemark/testing';

import { RestartableSystem, tempName } from './restartable-system.fixture.test.js';

jest.setTimeout(90_000); // processes are started: on a busy machine that takes its time

/** Servers that are killed while a job is FINISHING: its effect is made true once, by whoever comes next. */
let system: RestartableSystem;
beforeAll(async () => {
  system = await RestartableSystem.open();
});
afterAll(() => system.close());
beforeEach(() => system.prepare());

/** A lease that long over has run out before the next start. */
const A_MINUTE = 60;
/** A gateway that has just started asks at once for what the one before it may have asked for a moment ago. */
const SWITCH_AGAIN_MILLIS = 25_000;

/** Starts a job, and kills the server when the job has just become FINISHING and nothing has followed from it. */
async function killedAsFinishing(operation: 'backup' | 'restore'): Promise<string> {
  const { it } = system;
  const held = await holdChanges(it, 'UPDATE ON jobs.job', `NEW.state = 'FINISHING' AND OLD.state <> 'FINISHING'`);
  const { body } = await it.client[operation](system.archive, { wait: false });
  const session = await held.reached();
  it.freeze();
  await held.release();
  await idle(session);
  await it.kill();
  expect((await system.stored(body.id)).state).toBe('FINISHING');
  await system.moveLease(body.id, -A_MINUTE);
  return body.id;
}

/** Starts a job, and kills the server when the effect has become true and the job is to be told so. */
async function killedAsSucceeding(operation: 'backup' | 'restore'): Promise<string> {
  const { it } = system;
  const held = await holdChanges(it, 'UPDATE ON jobs.job', `NEW.state = 'SUCCEEDED'`);
  const { body } = await it.client[operation](system.archive, { wait: false });
  const session = await held.reached();
  it.freeze(); // it would say it again
  await query(it.databaseUrl, 'SELECT pg_terminate_backend($1, 10000)', [session]);
  await it.kill();
  await held.release();
  expect((await system.stored(body.id)).state).toBe('FINISHING');
  await system.moveLease(body.id, -A_MINUTE);
  return body.id;
}

/** Resolves when a session has done what it was asked for. */
async function idle(pid: number): Promise<void> {
  for (;;) {
    const [session] = await query<{ state: string }>(
      system.it.databaseUrl,
      'SELECT state FROM pg_stat_activity WHERE pid = $1',
      [pid],
    );
    if (session?.state === 'idle') return;
  }
}

test('a backup before its archive has its name: the temp is given it', async () => {
  const id = await killedAsFinishing('backup');
  expect(await system.files()).toEqual([tempName(id), 'a.zip']);
  await system.expectArchiveIsOld();
  const made = await readFile(system.place.replace('a.zip', tempName(id)));

  await system.startAgain();
  const job = await system.it.client.ended(id);
  expect(job).toMatchObject({ state: 'SUCCEEDED', attempt: 2, error: null });
  expect((await readFile(system.place)).equals(made)).toBe(true);
  expect(job.result).toMatchObject({ archive: { bytes: made.length }, verified: 'EVERY_PART' });
  expect(await system.files()).toEqual(['a.zip']);
  await system.expectRestorable(system.live);
});

test('a backup after its archive has got its name: it is found there', async () => {
  const id = await killedAsSucceeding('backup');
  expect(await system.files()).toEqual(['a.zip']);
  const made = await readFile(system.place);
  expect(made.equals(system.old)).toBe(false);

  await system.startAgain();
  const job = await system.it.client.ended(id);
  expect(job).toMatchObject({ state: 'SUCCEEDED', error: null });
  // Over RabbitMQ the report of the first attempt is in its queue still, and the second may begin before it is read.
  expect(system.it.services ? [1, 2] : [2]).toContain(job.attempt);
  expect((await readFile(system.place)).equals(made)).toBe(true);
  await system.expectRestorable(system.live);
});

test('a restore before its switch: the index is untouched, then switched', async () => {
  const id = await killedAsFinishing('restore');
  expect(await fingerprintOf(system.it)).toEqual(system.live);

  await system.startAgain();
  const begun = performance.now();
  expect(await system.it.client.ended(id)).toMatchObject({
    state: 'SUCCEEDED',
    attempt: 1,
    result: { versionsLeftBehind: 1, previousGeneration: system.live.liveGeneration },
  });
  expect(performance.now() - begun).toBeLessThan(SWITCH_AGAIN_MILLIS);
  expect((await fingerprintOf(system.it)).hash).toBe(system.archived.hash);
});

test('a restore after its switch: it is not made again, and what has been written since stays', async () => {
  const id = await killedAsSucceeding('restore');
  const switched = await fingerprintOf(system.it);
  expect(switched).toMatchObject({ hash: system.archived.hash, previousGeneration: system.live.liveGeneration });

  await system.startAgain();
  await system.it.client.put('/kept/1', { n: 'after the switch' });
  const job = await system.it.client.ended(id);
  expect(job).toMatchObject({
    state: 'SUCCEEDED',
    attempt: 1,
    result: { generation: switched.liveGeneration, versionsLeftBehind: 1 },
  });
  expect((await system.it.client.call('GET', '/kept/1')).body).toMatchObject({ n: 'after the switch' });
  expect((await fingerprintOf(system.it)).liveGeneration).toBe(switched.liveGeneration);
});

test('a restore before its switch, to an index that has been switched otherwise since: it fails and changes nothing', async () => {
  expect((await system.it.client.restore(system.archive)).status).toBe(200);
  const id = await killedAsFinishing('restore');
  const { databaseUrl } = system.it;
  const turn = 'UPDATE catalog.index SET live_generation = previous_generation, previous_generation = live_generation';
  await query(databaseUrl, turn);
  const turned = await fingerprintOf(system.it);
  const { attempt } = await system.stored(id);

  await system.startAgain();
  expect(await system.it.client.ended(id)).toMatchObject({
    state: 'FAILED',
    attempt,
    error: { code: 'INDEX_MOVED', phase: 'SWITCHING', retriable: false, details: { live: turned.liveGeneration } },
  });
  expect(await fingerprintOf(system.it)).toEqual(turned);
});
