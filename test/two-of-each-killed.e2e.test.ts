/**
 * Of two gateways, index-services and transfer-workers one is killed in the middle of a job: the others bring it to its
 * end, or wait until the dead one is back, and nothing is torn, doubled or left behind.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';

import {
  brokerIsThere,
  holdChanges,
  query,
  type HeldChanges,
  type HeldConnections,
  type IndexFingerprint,
} from '@tidemark/testing';

import { TwoOfEach } from './two-of-each.fixture.test.js';

jest.setTimeout(120_000); // six processes are started, leases run out, and a sweep is waited for

const whereItIs = brokerIsThere() ? describe : describe.skip;
const LOST = { attempt: 1, error: null };

let two: TwoOfEach;
/** What archive.zip holds. */
let archived: IndexFingerprint;
/** The index before the job under test: one version more. */
let live: IndexFingerprint;

const holdBackups = (): HeldConnections => two.proxy.hold('tidemark-part', 'TO STDOUT');
const holdRestores = (): HeldConnections => two.proxy.hold('tidemark-part', 'FROM STDIN');
const holdAfterSomeParts = (): Promise<HeldChanges> =>
  holdChanges(two.it, 'INSERT ON catalog.staged_part', 'NEW.part = 4');

/** Two backups, one of each gateway; their ids in the order of the workers that run them. */
async function twoBackups(): Promise<[string, string]> {
  const asked = two.clients.map((client, n) => client.backup(two.archive(`of-${n}`), { wait: false }));
  const ids = await two.running(...(await Promise.all(asked)).map(({ body }) => body.id));
  return [ids[0]!, ids[1]!];
}

/** A restore that a worker has begun, and which one. */
async function oneRestore(): Promise<{ id: string; at: 0 | 1 }> {
  const { id } = (await two.clients[0].restore(two.archive('archive'), { wait: false })).body;
  const [ofFirst] = await two.running(id);
  return { id, at: ofFirst === id ? 0 : 1 };
}

async function stagedFor(id: string): Promise<number> {
  const sql = 'SELECT id::int AS generation FROM catalog.generation WHERE job_id = $1';
  const [staged] = await query<{ generation: number }>(two.it.databaseUrl, sql, [id]);
  return staged!.generation;
}

const workersOf = async (...ids: string[]): Promise<(string | null)[]> =>
  (await two.stored(ids)).map(({ worker }) => worker);

/** The one change since the archive is in the previous generation, and nowhere else. */
async function expectSwitchedOnce(id: string): Promise<void> {
  const after = await two.fingerprint();
  expect(after).toMatchObject({ hash: archived.hash, previousGeneration: live.liveGeneration });
  const job = await two.clients[1].job(id);
  const { liveGeneration: generation, previousGeneration } = after;
  expect(job.result).toMatchObject({ generation, previousGeneration, versionsLeftBehind: 1 });
  const switches = await query(two.it.databaseUrl, 'SELECT outcome FROM catalog.switch WHERE job_id = $1', [id]);
  expect(switches).toEqual([{ outcome: 'SWITCHED' }]);
}

whereItIs('kill -9 of one of two', () => {
  beforeAll(async () => {
    two = await TwoOfEach.open(3000, 5);
  });
  afterAll(() => two.close());
  beforeEach(async () => {
    archived = await two.fingerprint();
    expect((await two.clients[0].backup(two.archive('archive'))).status).toBe(200);
    await two.clients[1].put('/kept/0', { n: 'since' });
    live = await two.fingerprint();
  });
  afterEach(async () => {
    await two.expectRestorable('archive', archived);
    await two.expectNothingLeftBehind();
  });

  test('worker, in a backup: the other one makes it anew when the lease has run out', async () => {
    const held = holdBackups();
    const [lost, kept] = await twoBackups();
    await two.it.workers[0]!.kill();
    held.release();
    const [taken, own] = await Promise.all([lost, kept].map((id) => two.clients[1].ended(id)));
    expect(taken).toMatchObject({ state: 'SUCCEEDED', attempt: 2, attempts: [LOST] });
    expect(own).toMatchObject({ state: 'SUCCEEDED', attempt: 1, attempts: [] });
    expect(new Set(await workersOf(lost, kept)).size).toBe(1);
    expect(await two.fingerprint()).toEqual(live);
    await two.it.workers[0]!.start();
    for (const n of [0, 1]) await two.expectRestorable(`of-${n}`, live);
  });

  test('worker, in a restore: the other one goes on with what is loaded, through the other index-service', async () => {
    const held = await holdAfterSomeParts();
    const { id, at } = await oneRestore();
    await held.reached();
    const generation = await stagedFor(id);
    const [first] = await workersOf(id);
    await two.it.workers[at]!.kill();
    await held.release();
    expect(await two.fingerprint()).toEqual(live);
    expect(await two.clients[0].ended(id)).toMatchObject({
      state: 'SUCCEEDED',
      attempt: 2,
      attempts: [LOST],
      result: { generation },
    });
    expect(await workersOf(id)).not.toEqual([first]);
    await expectSwitchedOnce(id);
    await two.it.workers[at]!.start();
  });

  test('gateway, in a backup: the other one sees the lease run out, and the worker of the dead one waits for it', async () => {
    const held = holdBackups();
    const [lost, kept] = await twoBackups();
    await two.it.gateways[0]!.kill();
    await two.clients[1].jobWhen(lost, ({ attempts }) => attempts.length > 0);
    held.release();
    const job = await two.clients[1].ended(lost);
    expect(job).toMatchObject({ state: 'SUCCEEDED', attempt: 2, attempts: [LOST] });
    expect(await two.clients[1].ended(kept)).toMatchObject({ state: 'SUCCEEDED', attempt: 1, attempts: [] });
    expect(new Set(await workersOf(lost, kept)).size).toBe(1);
    expect((await two.clients[1].backup(two.archive('meanwhile'))).body).toMatchObject({ state: 'SUCCEEDED' });
    await two.it.gateways[0]!.start();
    const again = holdBackups();
    const ids = await twoBackups();
    again.release();
    for (const id of ids) expect(await two.clients[0].ended(id)).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
    for (const name of ['of-0', 'of-1', 'meanwhile']) await two.expectRestorable(name, live);
  });

  test('gateway, as it has a restore switched: the sweep of the other one has it switched, once', async () => {
    const [load, switching] = [holdRestores(), await holdChanges(two.it, 'INSERT ON catalog.switch', 'true')];
    const { id, at } = await oneRestore();
    load.release();
    await switching.reached();
    await two.it.gateways[at]!.kill();
    await switching.release();
    const job = await two.clients[1 - at]!.ended(id);
    expect(job).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
    await two.it.gateways[at]!.start();
    await expectSwitchedOnce(id);
  });

  test('index-service, in a backup: the attempt starts over, and documents are served by the other one', async () => {
    const held = holdBackups();
    const [lost, kept] = await twoBackups();
    await two.it.indexServices[0]!.kill();
    held.release();
    const { attempts } = await two.clients[0].jobWhen(lost, (job) => job.attempts.length > 0);
    expect(attempts[0]).toMatchObject({ attempt: 1, error: { code: 'INDEX_UNAVAILABLE', retriable: true } });
    const answers = await Promise.all(two.clients.map((client) => client.call('GET', '/kept/0')));
    expect(answers).toMatchObject([
      { status: 503, body: { code: 'INDEX_UNAVAILABLE' } },
      { status: 200, body: { n: 'since' } },
    ]);
    await two.it.indexServices[0]!.start();
    expect(await two.clients[0].ended(lost)).toMatchObject({ state: 'SUCCEEDED', error: null });
    expect(await two.clients[0].ended(kept)).toMatchObject({ state: 'SUCCEEDED', attempt: 1, attempts: [] });
    expect(await two.fingerprint()).toEqual(live);
    for (const n of [0, 1]) await two.expectRestorable(`of-${n}`, live);
  });

  test('index-service, in a restore: what is loaded stays, and the live index is untouched until the switch', async () => {
    const held = await holdAfterSomeParts();
    const { id, at } = await oneRestore();
    await held.reached();
    const generation = await stagedFor(id);
    await two.it.indexServices[at]!.kill();
    await held.release();
    await two.clients[0].jobWhen(id, ({ attempts }) => attempts.length > 0);
    expect(await two.fingerprint()).toEqual(live);
    await two.it.indexServices[at]!.start();
    expect(await two.clients[0].ended(id)).toMatchObject({ state: 'SUCCEEDED', error: null, result: { generation } });
    await expectSwitchedOnce(id);
  });
});
