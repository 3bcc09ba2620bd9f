/**
 * Two gateways, two index-services and two transfer-workers over one database and one broker: jobs are spread over them
 * and each runs once, and whatever is asked of one gateway holds at the other.
 */
import { EventEmitter, once } from 'node:events';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import {
  brokerIsThere,
  query,
  type Answer,
  type HeldConnections,
  type Job,
  type SystemClient,
} from '@tidemark/testing';

import { PatientClient } from './patient-client.fixture.test.js';
import { TwoOfEach } from './two-of-each.fixture.test.js';

jest.setTimeout(90_000); // six processes are started, and a sweep is waited for

/** How long a gateway's sweep lets a doorbell have before it rings again. */
const RING_AGAIN_MILLIS = 10_000;
const whereItIs = brokerIsThere() ? describe : describe.skip;

let two: TwoOfEach;
let [first, second]: SystemClient[] = [];
/** Of each gateway, for single writes and undos. */
let patients: readonly PatientClient[] = [];
let undone: string;

interface Page {
  readonly documentLinks: string[];
  readonly nextPageLink?: string;
}

/** Backups stop where they read their first rows. */
const hold = (): HeldConnections => two.proxy.hold('tidemark-part', 'TO STDOUT');

/** Asked of the gateways in turn. */
async function backups(names: readonly string[]): Promise<string[]> {
  const asked = names.map((name, n) => two.clients[n % 2]!.backup(two.archive(name), { wait: false }));
  return (await Promise.all(asked)).map(({ body }) => body.id);
}

async function expectRanOnce(ids: readonly string[]): Promise<void> {
  const stored = await two.stored(ids);
  const attempts = stored.map(({ state, attempt, fence }) => ({ state, attempt, fence }));
  expect(attempts).toEqual(ids.map(() => ({ state: 'SUCCEEDED', attempt: 1, fence: 2 })));
}

/** All that one gateway tells of a job; it has begun to when `begun` resolves. */
function watch(client: SystemClient, id: string): { begun: Promise<unknown>; seen: Promise<Job[]> } {
  const begun = Promise.withResolvers<undefined>();
  const follow = async (): Promise<Job[]> => {
    const seen: Job[] = [];
    for await (const job of client.watch(id)) {
      seen.push(job);
      begun.resolve(undefined);
    }
    return seen;
  };
  return { begun: begun.promise, seen: follow() };
}

whereItIs('two of each service', () => {
  beforeAll(async () => {
    two = await TwoOfEach.open();
    [first, second] = two.clients;
    patients = two.clients.map(({ url }) => new PatientClient(url));
  });
  afterAll(() => two.close());

  test('backups asked of both gateways are spread over both workers and both index-services, and each runs once', async () => {
    const live = await two.fingerprint();
    const opened = await two.snapshotsOpened();
    const names = Array.from({ length: 6 }, (_, n) => `spread-${n}`);
    const held = hold();
    const ids = await backups(names);
    await two.running(...ids);
    held.release();
    const jobs = await Promise.all(ids.map((id, n) => two.clients[(n + 1) % 2]!.ended(id)));
    expect(jobs).toEqual(ids.map((id) => expect.objectContaining({ id, state: 'SUCCEEDED', attempts: [] })));
    await expectRanOnce(ids);
    expect(new Set((await two.stored(ids)).map(({ worker }) => worker)).size).toBe(2);
    const openings = (await two.snapshotsOpened()).map((count, n) => count - opened[n]!);
    expect([Math.min(...openings) > 0, openings[0]! + openings[1]!]).toEqual([true, ids.length]);
    for (const name of names) await two.expectRestorable(name, live);
  });

  test('a job asked of one is known by its key, seen, watched and waited for at the other', async () => {
    const headers = { 'idempotency-key': 'known to both' };
    const backup = (client: SystemClient, name = 'seen', wait = false) =>
      client.backup(two.archive(name), { wait, headers });
    const held = hold();
    const asked = await Promise.all([...two.clients, ...two.clients].map((client) => backup(client)));
    const [id = ''] = asked.map(({ body }) => body.id);
    expect(asked).toEqual(asked.map(() => expect.objectContaining({ status: 202 })));
    expect(new Set(asked.map(({ body }) => body.id))).toEqual(new Set([id]));
    await held.reached;
    const waited = two.clients.map((client) => backup(client, 'seen', true));
    const watched = two.clients.map((client) => watch(client, id));
    for (const { begun } of watched) await begun;
    for (const client of two.clients) expect(await client.job(id)).toMatchObject({ state: 'RUNNING', attempt: 1 });
    held.release();
    const job = await second!.ended(id);
    for (const answer of await Promise.all(waited)) expect([answer.status, answer.body]).toEqual([200, job]);
    for (const seen of await Promise.all(watched.map((one) => one.seen))) {
      const revisions = seen.map(({ revision }) => revision);
      expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
      expect([seen[0]?.state, seen.at(-1)]).toEqual(['RUNNING', job]);
    }
    await expectRanOnce([id]);
    const other = await Promise.all(two.clients.map((client) => backup(client, 'other')));
    expect(other).toMatchObject([1, 2].map(() => ({ status: 409, body: { code: 'IDEMPOTENCY_KEY_REUSED' } })));
    const [here, there] = await Promise.all(two.clients.map((client) => client.text('/core/management/jobs')));
    expect(here).toBe(there);
  });

  test('a job asked of one is cancelled at the other', async () => {
    const headers = { 'idempotency-key': 'cancelled' };
    const held = hold();
    const { id } = (await first!.backup(two.archive('cancelled'), { wait: false, headers })).body;
    const waited = first!.backup(two.archive('cancelled'), { headers });
    await held.reached;
    expect(await second!.cancel(id)).toMatchObject({ status: 202, body: { id, state: 'CANCELLING' } });
    expect(await waited).toMatchObject({ status: 409, body: { id, state: 'CANCELLED', attempt: 1 } });
    held.release();
    expect(await first!.cancel(id)).toMatchObject({ status: 409, body: { code: 'JOB_ENDED' } });
  });

  test('what is written through one is read through the other at once, and no change is lost', async () => {
    const counted = async (client: SystemClient): Promise<void> => {
      for (let status = 412; status !== 200;) {
        const { body, headers } = await client.call<{ n: number }>('GET', '/counter');
        const conditions = { 'if-match': headers.get('etag') ?? '' };
        ({ status } = await client.call('PUT', '/counter', { body: { n: body.n + 1 }, headers: conditions }));
        expect([200, 412]).toContain(status);
      }
    };
    await patients[0]!.put('/counter', { n: 0 });
    await Promise.all(Array.from({ length: 30 }, (_, n) => counted(patients[n % 2]!)));
    for (let n = 30; n < 60; n++) {
      const [writer, reader] = [patients[n % 2]!, two.clients[1 - (n % 2)]!];
      const { body } = await reader.call<{ n: number; documentVersion: number }>('GET', '/counter');
      expect(body).toMatchObject({ n, documentVersion: n });
      await writer.put('/counter', { n: n + 1 });
    }
    const page = '/core/document-index?documentSelfLink=/kept/*&$limit=1000';
    const links: string[] = [];
    for (let next: string | undefined = page, n = 0; next !== undefined; n++) {
      const { body }: Answer<Page> = await two.clients[n % 2]!.call('GET', next);
      links.push(...body.documentLinks);
      next = body.nextPageLink;
    }
    expect(links).toEqual(Array.from({ length: 3000 }, (_, n) => `/kept/${n}`).sort());
  });

  test('a restore, its undo and its redo through one: through the other all is old or all is new', async () => {
    const eras = (era: string): Promise<unknown> =>
      patients[0]!.bulk(Array.from({ length: 100 }, (_, n) => [`/era/${n}`, { era }] as const));
    const look = async (): Promise<string> => {
      const { body } = await second!.call<{ documents: Record<string, { era: string }> }>('GET', '/era/?expand');
      const found = Object.values(body.documents).map(({ era }) => era);
      expect(found).toEqual(Array.from({ length: 100 }, () => found[0]));
      return found[0]!;
    };
    await eras('old');
    const old = await two.fingerprint();
    expect((await first!.backup(two.archive('era'))).status).toBe(200);
    await eras('new');
    const live = await two.fingerprint();
    const seen: string[] = [];
    const stopping = new AbortController();
    const looked = new EventEmitter();
    const reading = (async () => {
      while (!stopping.signal.aborted) {
        seen.push(await look());
        looked.emit('look');
      }
    })();
    const sees = async (era: string): Promise<void> => {
      while (seen.at(-1) !== era) await Promise.race([once(looked, 'look'), reading]);
    };
    await sees('new');
    const { status, body } = await first!.restore(two.archive('era'));
    expect([status, await look(), (await two.fingerprint()).hash]).toEqual([200, 'old', old.hash]);
    await sees('old');
    undone = body.id;
    for (const [era, hash] of [
      ['new', live.hash],
      ['old', old.hash],
    ] as const) {
      expect((await patients[0]!.call('POST', `/core/management/jobs/${undone}/undo`)).status).toBe(200);
      expect([await look(), (await two.fingerprint()).hash]).toEqual([era, hash]);
      await sees(era);
    }
    stopping.abort();
    await reading;
    expect(seen.filter((era, n) => era !== seen[n - 1])).toEqual(['new', 'old', 'new', 'old']);
  });

  test('doorbells that were lost are rung again by one sweep of the two, and each job runs once', async () => {
    await Promise.all(two.it.workers.map((worker) => worker.stop()));
    await two.doorbells();
    const began = performance.now();
    const ids = await backups(['lost-0', 'lost-1', 'lost-2', 'lost-3']);
    const queue = two.bystander.atBroker('tidemark.jobs.backup');
    const ringing = async (): Promise<number> => (await two.bystander.stateOf('tidemark.jobs.backup'))?.messages ?? 0;
    while ((await ringing()) < ids.length);
    await two.bystander.channel.purgeQueue(queue);
    while ((await ringing()) < ids.length);
    await Promise.all(two.it.workers.map((worker) => worker.start()));
    await Promise.all(ids.map((id) => second!.ended(id)));
    await expectRanOnce(ids);
    const most = 1 + Math.floor((performance.now() - began) / RING_AGAIN_MILLIS);
    const rung = await two.doorbells();
    const rings = ids.map((id) => rung.filter((one) => one === id).length);
    expect([most > 1, ...rings.map((times) => times > 1 && times <= most)]).toEqual([true, ...ids.map(() => true)]);
  });

  test('of all this each job ended once, and nothing is left behind', async () => {
    await two.expectNothingLeftBehind();
    expect(await two.it.stop()).toBe(0);
    const jobs = await query<{ id: string; state: string }>(two.it.databaseUrl, 'SELECT id, state FROM jobs.job');
    const ends = jobs.flatMap(({ id, state }) => Array.from({ length: id === undone ? 3 : 1 }, () => `${id} ${state}`));
    const told = new Map((await two.events()).map((event) => [`${event.id}:${event.revision}`, event]));
    expect([...told.values()].map(({ id, state }) => `${id} ${state}`).sort()).toEqual(ends.sort());
    expect(ends.length).toBeGreaterThan(20);
    expect(two.it.log()).not.toMatch(/"level":(50|60)/);
  });
});
