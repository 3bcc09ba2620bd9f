/**
 * A process that stands still for longer than a lease, in the middle of a job, and then goes on: others have brought
 * the job to its end, and the one that wakes up changes nothing any more. All cases by `npm run test:crash`; otherwise
 * some, chosen by a seed.
 */
import { createHash } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import type { Step } from '@tidemark/contracts';
import { brokerIsThere, type Job, type TestProcess } from '@tidemark/testing';

import { REPEATED } from './crash-cases.fixture.test.js';
import { CrashSystem, type Victim } from './crash-system.fixture.test.js';
import { chosenOf, SEED } from './seeded-cases.fixture.test.js';

jest.setTimeout(180_000); // leases and back-offs run out, and a sweep is waited for

const whereItIs = brokerIsThere() ? describe : describe.skip;

type Scheme = 'file' | 'http';

/** The attempt whose lease ran out, and the one that nobody answered. */
const LOST: object = expect.objectContaining({ attempt: 1, error: null });
const UNANSWERED: object = expect.objectContaining({
  attempt: 1,
  error: expect.objectContaining({ code: 'INDEX_UNAVAILABLE', retriable: true }) as unknown,
});

/**
 * What the first attempt may have come to; nothing where the job had got so far that nobody needed another one. That
 * nobody answers is known after two leases; a worker or a gateway that is held up meanwhile loses its lease first.
 */
const FIRST: Readonly<Record<Victim, (step: Step) => readonly object[]>> = {
  'transfer-worker': () => [LOST],
  gateway: (step) => (step === 'claimed' ? [LOST] : []),
  'index-service': (step) => (step === 'switched' ? [] : [UNANSWERED, LOST]),
};

whereItIs(`frozen for longer than a lease, TIDEMARK_TEST_SEED=${SEED}`, () => {
  let system: CrashSystem;
  beforeAll(async () => {
    system = await CrashSystem.open({ gateways: 2, indexServices: 2, workers: 2 });
  });
  afterAll(() => system.close());

  /** Freezes the one that has come to the step, or works with it, and wakes it up when all has been brought to its end. */
  async function frozenAt(victim: Victim, step: Step, ask: () => Promise<unknown>): Promise<Job> {
    const held = system.steps.hold(step, REPEATED.has(step) ? 2 : 0);
    const asked = ask();
    const frozen = system.partaker(victim, await held.reached);
    frozen.freeze();
    held.release();
    const job = await endedWithout(frozen, { victim, step }).finally(() => frozen.thaw());
    await asked;
    await fetch(`${frozen.url}/core/health/live`);
    return job;
  }

  /** The job as others have brought it to its end, which was told of once. */
  async function endedWithout(frozen: TestProcess, { victim, step }: { victim: Victim; step: Step }): Promise<Job> {
    const job = await system.ended(victim === 'gateway' ? system.numberOf(frozen.pid) + 1 : undefined);
    expect(job).toMatchObject({ state: 'SUCCEEDED', error: null });
    const first = FIRST[victim](step);
    if (first.length > 0) expect(first).toContainEqual(job.attempts[0]);
    const { id, state, revision } = job;
    expect(await system.told(id)).toEqual([{ id, state, revision }]);
    return job;
  }

  async function expectNothingMore(job: Job): Promise<void> {
    await system.expectNothingLeftBehind();
    expect(await system.client.job(job.id)).toEqual(job);
    const { id, state, revision } = job;
    expect(await system.told(id)).toEqual([{ id, state, revision }]);
  }

  const BACKUPS: [Victim, Scheme, Step][] = [
    ['transfer-worker', 'file', 'part appended'],
    ['transfer-worker', 'file', 'archive closed'],
    ['transfer-worker', 'file', 'read back'],
    ['transfer-worker', 'http', 'archive closed'],
    ['transfer-worker', 'http', 'chunk acknowledged'],
    ['transfer-worker', 'http', 'read back'],
    ['gateway', 'file', 'job stored'],
    ['gateway', 'file', 'doorbell sent'],
    ['gateway', 'http', 'claimed'],
    ['gateway', 'file', 'effect stored'],
    ['gateway', 'http', 'settled'],
    ['gateway', 'file', 'event sent'],
    ['index-service', 'file', 'snapshot opened'],
    ['index-service', 'http', 'part fetched'],
    ['index-service', 'file', 'part appended'],
  ];

  test.each(chosenOf(BACKUPS, { some: 3, subject: 'frozen' }))(
    '%s, in a backup (%s), at "%s": the archive is whole',
    async (victim, scheme, step) => {
      await system.prepare();
      const name = `${victim}-${step.replace(' ', '-')}.zip`;
      const { client } = system;
      const ask = (): Promise<unknown> => client.backup(system.destination(scheme, name), { wait: false });
      const job = await frozenAt(victim, step, ask);
      const { archive } = job.result as { archive: { bytes: number; sha256: string } };
      await expectNothingMore(job);
      const content = await system.content(scheme, name);
      expect(createHash('sha256').update(content).digest('hex')).toBe(archive.sha256);
      expect(await system.fingerprint()).toEqual(system.live);
    },
  );

  const RESTORES: [Victim, Scheme, Step][] = [
    ['transfer-worker', 'file', 'archive opened'],
    ['transfer-worker', 'http', 'archive opened'],
    ['gateway', 'file', 'claimed'],
    ['gateway', 'http', 'effect stored'],
    ['gateway', 'file', 'switch answered'],
    ['index-service', 'file', 'generation staged'],
    ['index-service', 'http', 'part staged'],
    ['index-service', 'file', 'indexes built'],
    ['index-service', 'http', 'switched'],
  ];

  test.each(chosenOf(RESTORES, { some: 2, subject: 'frozen' }))(
    '%s, in a restore (%s), at "%s": it is switched once',
    async (victim, scheme, step) => {
      await system.prepare();
      const { client } = system;
      const ask = (): Promise<unknown> => client.restore(system.destination(scheme, 'base.zip'), { wait: false });
      const job = await frozenAt(victim, step, ask);
      await expectNothingMore(job);
      const { hash } = system.archived;
      expect(await system.fingerprint()).toMatchObject({ hash, previousGeneration: system.live.liveGeneration });
    },
  );
});
