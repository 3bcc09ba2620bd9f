/**
 * Random faults, several at once, over two of each service, for as long as asked (TIDEMARK_TEST_CHAOS_SECONDS): every
 * accepted job ends once, and what it says is so. The seed is printed; `npm run test:crash` runs it.
 */
import { randomInt } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { environment, sleep } from '@tidemark/platform';
import { brokerIsThere, seededNumbers, type Job } from '@tidemark/testing';

import { ChaosSystem } from './chaos.fixture.test.js';

const SECONDS = Number(environment().TIDEMARK_TEST_CHAOS_SECONDS ?? 120);
const SEED = Number(environment().TIDEMARK_TEST_SEED ?? randomInt(2 ** 31));
const FAULTS_AT_ONCE = 2;
const PAUSE_MILLIS = 1_500;
/** Attempts of a job are up to 60 s apart. */
const REST_SECONDS = 240;

jest.setTimeout((SECONDS + REST_SECONDS) * 1000);

const whereItIs = brokerIsThere() ? describe : describe.skip;

whereItIs(`random faults for ${SECONDS} s, TIDEMARK_TEST_SEED=${SEED}`, () => {
  let system: ChaosSystem;
  beforeAll(async () => {
    system = await ChaosSystem.open();
  });
  afterAll(() => system.close());

  const random = seededNumbers(SEED);
  const until = (): boolean => performance.now() < end;
  const met = new Map<string, number>();
  const accepted: string[] = [];
  let end = 0;

  async function breakThings(): Promise<void> {
    const names = Object.keys(system.faults);
    while (until()) {
      await sleep(random(PAUSE_MILLIS));
      const name = names[random(names.length)] ?? '';
      if (await system.faults[name]?.(random)) met.set(name, (met.get(name) ?? 0) + 1);
    }
  }

  /** One job after the other, each as soon as the one before it has ended. */
  async function askForJobs(lane: number): Promise<void> {
    for (let n = 0; until(); n++) {
      const scheme = random(2) === 0 ? 'file' : 'http';
      const boundary = random(2) === 0 ? { timeSnapshotBoundaryMicros: system.moment } : {};
      const id = await (lane === 0
        ? system.ask('RESTORE', { destination: system.destination(scheme, 'base'), ...boundary })
        : system.ask('BACKUP', { destination: system.destination(scheme, `lane-${lane}-${n}`) }));
      accepted.push(id);
      while (until() && ((await system.job(id))?.endedAtMicros ?? null) === null) await sleep(100);
    }
  }

  async function jobsWhenAllHaveEnded(): Promise<Job[]> {
    while ((await system.unended()).length > 0) await sleep(200);
    const jobs: Job[] = [];
    for (const id of accepted) {
      const job = await system.job(id);
      if (!job) throw new Error(`job ${id} was accepted, and there is no such job`);
      jobs.push(job);
    }
    return jobs;
  }

  /** A backup's archive is the one that its job tells of; of a restore the last one is what the index is. */
  async function expectTrue(job: Job): Promise<void> {
    const context = { seed: SEED, job: job.id, attempts: job.attempts.map(({ error }) => error?.code ?? null) };
    if (job.state === 'FAILED')
      expect({ ...context, retriable: job.error?.retriable }).toEqual({ ...context, retriable: true });
    else expect({ ...context, state: job.state }).toEqual({ ...context, state: 'SUCCEEDED' });
    if (job.operation !== 'BACKUP' || job.state !== 'SUCCEEDED') return;
    const { archive } = job.result as { archive: { sha256: string } };
    const sha256 = await system.sha256Of(job.request.destination);
    expect({ ...context, sha256 }).toEqual({ ...context, sha256: archive.sha256 });
  }

  test('no accepted job is lost, doubled, stuck or torn', async () => {
    end = performance.now() + SECONDS * 1000;
    const lanes = [0, 1, 2].map((lane) => askForJobs(lane));
    const breaking = Array.from({ length: FAULTS_AT_ONCE }, () => breakThings());
    await Promise.all([...lanes, ...breaking]);
    const jobs = await jobsWhenAllHaveEnded();
    for (const job of jobs) await expectTrue(job);
    const restores = jobs.filter(({ operation, state }) => operation === 'RESTORE' && state === 'SUCCEEDED');
    const last = restores.sort((a, b) => (a.endedAtMicros ?? 0) - (b.endedAtMicros ?? 0)).at(-1);
    const wanted = last && 'timeSnapshotBoundaryMicros' in last.request ? system.atMoment : system.archived;
    if (last)
      expect({ seed: SEED, hash: (await system.fingerprint()).hash }).toEqual({ seed: SEED, hash: wanted.hash });
    const ids = jobs.map(({ id }) => id);
    expect({ seed: SEED, ends: await system.endsTold(ids) }).toEqual({
      seed: SEED,
      ends: new Map(ids.map((id) => [id, 1])),
    });
    await system.atRest();
    const counts = (of: (job: Job) => string): string =>
      [...new Set(jobs.map(of))].map((one) => `${jobs.filter((job) => of(job) === one).length} ${one}`).join(', ');
    process.stderr.write(
      `seed ${SEED}: ${[...met].map(([name, times]) => `${times} x ${name}`).join(', ')}; ` +
        `${jobs.length} jobs: ${counts(({ operation, state }) => `${operation} ${state}`)}; attempts: ${counts(({ attempt }) => `at ${attempt}`)}\n`,
    );
  });
});
