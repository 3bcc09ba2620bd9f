/**
 * A worker that stands still for longer than its lease, in the middle of a job, and then goes on: another one has taken
 * the job over, and the one that wakes up changes nothing any more.
 */
import { createHash } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import type { Step } from '@tidemark/contracts';
import { brokerIsThere } from '@tidemark/testing';

import { CrashSystem } from './crash-system.fixture.test.js';

jest.setTimeout(60_000); // a lease and a back-off run out

const whereItIs = brokerIsThere() ? describe : describe.skip;

whereItIs('a worker that is frozen for longer than its lease', () => {
  let system: CrashSystem;
  beforeAll(async () => {
    system = await CrashSystem.open({ workers: 2 });
  });
  afterAll(() => system.close());

  /** Freezes the worker that has come to the step, and wakes it up when the other one has brought the job to its end. */
  async function frozenAt(step: Step, ask: () => Promise<unknown>): ReturnType<CrashSystem['ended']> {
    await system.prepare();
    const held = system.steps.hold(step, ['part appended', 'chunk acknowledged'].includes(step) ? 2 : 0);
    await ask();
    await held.reached;
    const running = await Promise.all(system.it.workers.map((_, n) => system.attemptsIn(n)));
    const at = running.findIndex((attempts) => attempts.length > 0);
    const frozen = system.it.workers[at]!;
    frozen.freeze();
    held.release();
    const job = await system.ended();
    expect(job.state).toBe('SUCCEEDED');
    expect(job.attempts[0]).toMatchObject({ attempt: 1, error: null });
    frozen.thaw();
    while ((await system.attemptsIn(at)).length > 0);
    return job;
  }

  test.each([
    ['file', 'part appended'],
    ['file', 'archive closed'],
    ['file', 'read back'],
    ['http', 'archive closed'],
    ['http', 'chunk acknowledged'],
    ['http', 'read back'],
  ] as const)('in a backup (%s), at "%s": the archive is the other one’s', async (scheme, step) => {
    const name = `${step.replace(' ', '-')}.zip`;
    const ask = (): Promise<unknown> => system.it.client.backup(system.destination(scheme, name), { wait: false });
    const job = await frozenAt(step, ask);
    const { archive } = job.result as { archive: { bytes: number; sha256: string } };
    const content = await system.content(scheme, name);
    expect(createHash('sha256').update(content).digest('hex')).toBe(archive.sha256);
    expect(await system.it.client.job(job.id)).toEqual(job);
    expect(await system.told()).toHaveLength(1);
    await system.expectNothingLeftBehind();
  });

  test.each(['file', 'http'] as const)('in a restore (%s): it is switched once', async (scheme) => {
    const ask = (): Promise<unknown> =>
      system.it.client.restore(system.destination(scheme, 'base.zip'), { wait: false });
    const job = await frozenAt('archive opened', ask);
    const { hash } = system.archived;
    expect(await system.fingerprint()).toMatchObject({ hash, previousGeneration: system.live.liveGeneration });
    expect(await system.it.client.job(job.id)).toEqual(job);
    expect(await system.told()).toHaveLength(1);
    await system.expectNothingLeftBehind();
  });
});
