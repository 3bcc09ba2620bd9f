/** Many requests at once: each is answered at once, each job ends, one job for each key; the API answers meanwhile. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { environment } from '@tidemark/platform';
import {
  brokerIsThere,
  fingerprintOf,
  query,
  startServices,
  unusedGenerations,
  type Answer,
  type IndexFingerprint,
  type Job,
  type RunningServices,
} from '@tidemark/testing';

jest.setTimeout(600_000); // one job after the other, as many as are asked for

const whereItIs = brokerIsThere() ? describe : describe.skip;
/** A multiple of twenty. */
const REQUESTS = Number(environment().TIDEMARK_TEST_BURST ?? 100);
/** Of each five requests two have one key. */
const KEYS = REQUESTS / 5;
const PLACES = 20;
const MEMORY_BYTES = 200e6;
/** What restores bring back: each has a document more than the one before it. */
const STATES = 3;

/** What the index was when an archive was made, and until when. */
interface State {
  readonly archive: string;
  readonly moment: number;
  readonly documents: number;
  readonly hash: string;
}

whereItIs(`${REQUESTS} requests at once, restores among them`, () => {
  let it: RunningServices;
  let before: IndexFingerprint;
  const states: State[] = [];
  beforeAll(async () => {
    it = await startServices({ counts: { workers: 2 } });
    await it.client.bulk(Array.from({ length: 10 }, (_, n) => [`/kept/${n}`, { n }]));
    for (let n = 1; n <= STATES; n++) states.push(await newState(n));
    await it.client.put('/since', {});
    before = await fingerprintOf(it);
  });
  afterAll(() => it.remove());

  async function newState(n: number): Promise<State> {
    const { body } = await it.client.put(`/state/${n}`, { n });
    const archive = `file:${it.archives}/state-${n}.zip`;
    expect((await it.client.backup(archive)).status).toBe(200);
    const { hash } = await fingerprintOf(it);
    return { archive, moment: Number(body.documentUpdateTimeMicros), documents: 10 + n, hash };
  }

  /** Undefined for a backup. Of each twenty requests one restores in full, and two under one key to a moment. */
  function restored(n: number): State | undefined {
    const state = states[Math.floor(n / 20) % STATES];
    return [7, 10, 11].includes(n % 20) ? state : undefined;
  }

  const request = (n: number): Promise<Answer<Job>> => {
    const key = n % 5 < 2 ? { headers: { 'idempotency-key': `key-${Math.floor(n / 5)}` } } : {};
    const state = restored(n);
    if (state && n % 20 === 7) return it.client.restore(state.archive, { wait: false, ...key });
    const whole = states.at(-1)?.archive ?? '';
    if (state) return it.client.restore(whole, { wait: false, timeSnapshotBoundaryMicros: state.moment, ...key });
    const name = n % 5 < 2 ? `keyed-${Math.floor(n / 5) % PLACES}` : `free-${n % PLACES}`;
    return it.client.backup(`file:${it.archives}/${name}.zip`, { wait: false, ...key });
  };

  async function unended(): Promise<number> {
    const sql = 'SELECT count(*)::int AS unended FROM jobs.job WHERE ended_at_micros IS NULL';
    const [row] = await query<{ unended: number }>(it.databaseUrl, sql);
    return row?.unended ?? 0;
  }

  /** Until every job has ended; resolves with the milliseconds that each look took, in their order. */
  async function lookMeanwhile(ids: readonly string[]): Promise<number[]> {
    const looks: number[] = [];
    for (let n = 0; (await unended()) > 0; n++) {
      const asked = performance.now();
      expect((await it.client.call('GET', `/core/management/jobs/${ids[n % ids.length] ?? ''}`)).status).toBe(200);
      looks.push(performance.now() - asked);
    }
    return looks.sort((a, b) => a - b);
  }

  /** Each switched away from what the one before it had made live, and nothing else did. */
  async function expectOneChain(wanted: ReadonlyMap<string, State>): Promise<void> {
    const jobs = await Promise.all([...wanted.keys()].map((id) => it.client.job(id)));
    jobs.sort((a, b) => (a.startedAtMicros ?? 0) - (b.startedAtMicros ?? 0));
    let live = before.liveGeneration;
    let endedAtMicros = 0;
    for (const job of jobs) {
      const { result } = job;
      if (!result || !('generation' in result)) throw new Error(`${job.id} is no restore: ${JSON.stringify(job)}`);
      expect(result.previousGeneration).toBe(live);
      expect(result.documents).toBe(wanted.get(job.id)?.documents);
      expect(job.startedAtMicros).toBeGreaterThanOrEqual(endedAtMicros);
      live = result.generation;
      endedAtMicros = job.endedAtMicros ?? Infinity;
    }
    const last = jobs.at(-1);
    const { previousGeneration } = last?.result as { previousGeneration: number };
    expect(await fingerprintOf(it)).toMatchObject({
      liveGeneration: live,
      previousGeneration,
      hash: wanted.get(last?.id ?? '')?.hash,
    });
  }

  test('are answered, and every job ends', async () => {
    const begun = performance.now();
    const answers = await Promise.all(Array.from({ length: REQUESTS }, (_, n) => request(n)));
    const answered = performance.now() - begun;
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    const ids = [...new Set(answers.map(({ body }) => body.id))];
    expect(ids).toHaveLength(REQUESTS - KEYS);

    const looks = await lookMeanwhile(ids);
    const seconds = (performance.now() - begun) / 1000;
    const ended = await query(
      it.databaseUrl,
      'SELECT state, count(*)::int AS jobs, max(attempt) AS attempt FROM jobs.job GROUP BY state',
    );
    expect(ended).toEqual([{ state: 'SUCCEEDED', jobs: STATES + ids.length, attempt: 1 }]);
    const restores = new Map(answers.flatMap(({ body }, n) => entryOf(body.id, restored(n))));
    expect(restores.size).toBe(REQUESTS / 10);
    await expectOneChain(restores);

    const peak = Math.max(...it.processes.map((process) => process.memory().peak));
    expect(peak).toBeLessThan(MEMORY_BYTES);
    const p99 = looks[Math.floor(0.99 * looks.length)] ?? 0;
    process.stderr.write(
      `${REQUESTS} requests answered in ${answered.toFixed(0)} ms, ${ids.length} jobs, ${restores.size} of them ` +
        `restores, ended in ${seconds.toFixed(1)} s; GET job p99 ${p99.toFixed(0)} ms of ${looks.length}; ` +
        `highest peak ${(peak / 1e6).toFixed(0)} MB\n`,
    );
  });

  test('leave nothing behind', async () => {
    expect((await unusedGenerations(it)).filter((name) => !name.endsWith(' DROPPING'))).toEqual([]);
    expect((await readdir(it.archives)).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(await it.stop()).toBe(0);
    for (const spool of ['spool', 'spool-2']) expect(await readdir(join(it.home, spool))).toEqual([]);
  });
});

function entryOf(id: string, state: State | undefined): [string, State][] {
  return state ? [[id, state]] : [];
}
