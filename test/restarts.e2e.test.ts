import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';

import { fingerprintOf, holdChanges, query, unusedGenerations } from '@tidemark/testing';

import { RestartableSystem, tempName } from './restartable-system.fixture.test.js';

jest.setTimeout(90_000); // leases are waited for, and on a busy machine processes take their time to start

/** Servers that are stopped or killed in the middle of a job: the next one brings it to its end. */
let system: RestartableSystem;
beforeAll(async () => {
  system = await RestartableSystem.open();
});
afterAll(() => system.close());
beforeEach(() => system.prepare());

interface Begun {
  readonly id: string;
  /** What was held goes on, if there is anybody left for it. */
  readonly release: () => Promise<void>;
}

/** A backup of which some parts have been read. */
async function backupInTheMiddle(): Promise<Begun> {
  const held = system.proxy.hold('tidemark-part', "ctid >= '(1");
  const { body } = await system.it.client.backup(system.archive, { wait: false });
  await held.reached;
  expect(await system.files()).toContain(tempName(body.id));
  return {
    id: body.id,
    release: () => {
      held.release();
      return Promise.resolve();
    },
  };
}

/** A restore of which some parts are loaded, and the generation that they are in. */
async function restoreInTheMiddle(): Promise<Begun & { generation: number }> {
  const { it } = system;
  const held = await holdChanges(it, 'INSERT ON catalog.staged_part', 'NEW.part = 4');
  const { body } = await it.client.restore(system.archive, { wait: false });
  await held.reached();
  const [staged] = await query<{ id: string }>(it.databaseUrl, 'SELECT id FROM catalog.generation WHERE job_id = $1', [
    body.id,
  ]);
  const generation = Number(staged?.id);
  while ((await loadedParts(generation)) <= 2); // those beside the held one are going on
  return { id: body.id, generation, release: () => held.release() };
}

async function loadedParts(generation: number): Promise<number> {
  const sql = 'SELECT count(*) AS parts FROM catalog.staged_part WHERE generation = $1';
  const [row] = await query<{ parts: string }>(system.it.databaseUrl, sql, [generation]);
  return Number(row?.parts);
}

/** Documents are as they were, to the last byte. */
async function expectIndexUntouched(): Promise<void> {
  expect(await fingerprintOf(system.it)).toEqual(system.live);
}

/** What is given up is dropped by the next sweep. */
async function expectNothingLeftBehind(): Promise<void> {
  expect(await system.files()).toEqual(['a.zip']);
  expect((await unusedGenerations(system.it)).filter((name) => !name.endsWith(' DROPPING'))).toEqual([]);
}

describe('SIGTERM', () => {
  test('in the middle of a backup: it is handed back, and no attempt is used up', async () => {
    const { id, release } = await backupInTheMiddle();
    const { body: behind } = await system.it.client.backup(system.archive, { wait: false });
    const stopped = system.it.stop();
    await release();
    expect(await stopped).toBe(0);
    expect(await system.stored(id)).toEqual({ state: 'QUEUED', attempt: 0 });
    expect(await system.stored(behind.id)).toEqual({ state: 'QUEUED', attempt: 0 });
    expect(await system.files()).toEqual(['a.zip']);
    await system.expectArchiveIsOld();

    await system.startAgain();
    const job = await system.it.client.ended(id);
    expect(job).toMatchObject({ state: 'SUCCEEDED', attempt: 1, attempts: [] });
    expect(await system.it.client.ended(behind.id)).toMatchObject({ state: 'SUCCEEDED', attempt: 1, attempts: [] });
    await system.expectRestorable(system.live);
    await expectNothingLeftBehind();
  });

  test('in the middle of a restore: it goes on where it was, and no attempt is used up', async () => {
    const { id, generation, release } = await restoreInTheMiddle();
    const stopped = system.it.stop();
    await release();
    expect(await stopped).toBe(0);
    expect(await system.stored(id)).toEqual({ state: 'QUEUED', attempt: 0 });
    await expectIndexUntouched();

    await system.startAgain();
    const job = await system.it.client.ended(id);
    expect(job).toMatchObject({
      state: 'SUCCEEDED',
      attempt: 1,
      attempts: [],
      result: { generation, versionsLeftBehind: 1 },
    });
    expect((await fingerprintOf(system.it)).hash).toBe(system.archived.hash);
    await expectNothingLeftBehind();
  });
});

describe('kill -9', () => {
  const LOST = { attempt: 1, error: null };
  const AN_HOUR = 3600;

  test('in the middle of a backup: the next attempt removes the temp and makes it anew; who waited comes after it', async () => {
    const { id, release } = await backupInTheMiddle();
    const { body: behind } = await system.it.client.backup(system.archive, { wait: false });
    await system.it.kill();
    await release();
    expect(await system.stored(id)).toEqual({ state: 'RUNNING', attempt: 1 });
    expect(await system.files()).toEqual([tempName(id), 'a.zip']);
    await system.expectArchiveIsOld();

    await system.startAgain();
    const job = await system.it.client.ended(id);
    expect(job).toMatchObject({ state: 'SUCCEEDED', attempt: 2, attempts: [LOST], error: null });
    const next = await system.it.client.ended(behind.id);
    expect(next).toMatchObject({ state: 'SUCCEEDED', attempt: 1, attempts: [] });
    expect(next.startedAtMicros).toBeGreaterThanOrEqual(job.endedAtMicros ?? Infinity);
    await system.expectRestorable(system.live);
    await expectNothingLeftBehind();
  });

  test('in the middle of a restore: the next attempt goes on with what is loaded', async () => {
    const { id, generation, release } = await restoreInTheMiddle();
    await system.it.kill();
    await release();
    expect(await system.stored(id)).toEqual({ state: 'RUNNING', attempt: 1 });
    await expectIndexUntouched();

    await system.startAgain();
    expect((await system.it.client.call('GET', '/kept/0')).body).toMatchObject({ n: 'since' });
    const job = await system.it.client.ended(id);
    expect(job).toMatchObject({
      state: 'SUCCEEDED',
      attempt: 2,
      attempts: [LOST],
      result: { generation, versionsLeftBehind: 1 },
    });
    expect((await fingerprintOf(system.it)).hash).toBe(system.archived.hash);
    await expectNothingLeftBehind();
  });

  test('in the middle of a backup that is then cancelled: it ends with its lease, and the next is made', async () => {
    const { id, release } = await backupInTheMiddle();
    await system.it.kill();
    await release();
    await system.moveLease(id, AN_HOUR);
    await system.startAgain();
    expect(await system.it.client.cancel(id)).toMatchObject({ status: 202, body: { state: 'CANCELLING' } });
    await system.moveLease(id, -AN_HOUR);
    expect(await system.it.client.ended(id)).toMatchObject({ state: 'CANCELLED', attempt: 1, attempts: [LOST] });
    await system.expectArchiveIsOld();
    expect((await system.it.client.backup(system.archive)).status).toBe(200);
    await system.expectRestorable(system.live);
  });

  test('in the middle of the fifth attempt: the job fails, and the old archive stays', async () => {
    const { id, release } = await backupInTheMiddle();
    await query(system.it.databaseUrl, 'UPDATE jobs.job SET attempt = 5 WHERE id = $1', [id]);
    await system.it.kill();
    await release();
    await system.startAgain();
    expect(await system.it.client.ended(id)).toMatchObject({
      state: 'FAILED',
      attempt: 5,
      error: { code: 'ATTEMPTS_EXHAUSTED', attempt: 5, retriable: true },
    });
    await system.expectArchiveIsOld();
  });

  test('with nothing under way: every document is there, and what was acknowledged last', async () => {
    await system.it.client.put('/kept/1', { n: 'last' });
    const before = await fingerprintOf(system.it);
    await system.it.kill();
    await system.startAgain();
    expect(await fingerprintOf(system.it)).toEqual(before);
    expect((await system.it.client.call('GET', '/kept/1')).body).toMatchObject({ n: 'last' });
  });
});
