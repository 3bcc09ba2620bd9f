/**
 * kill -9 of each process at each step of a job: the job ends as it would have without it, once, and nothing is torn or
 * left behind. All of them by `npm run test:crash`; otherwise some, chosen by a seed.
 */
import { createHash, randomInt } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import type { Step } from '@tidemark/contracts';
import { environment } from '@tidemark/platform';
import { brokerIsThere } from '@tidemark/testing';

import { CrashSystem, type Victim } from './crash-system.fixture.test.js';

jest.setTimeout(60_000); // a process is started, and a lease and a back-off run out

const whereItIs = brokerIsThere() ? describe : describe.skip;
const { TIDEMARK_TEST_CRASHES = '10', TIDEMARK_TEST_SEED = String(randomInt(2 ** 31)) } = environment();

const BEGINNING: Step[] = ['job stored', 'doorbell sent', 'claimed', 'message acknowledged'];
const PACKING: Step[] = ['snapshot opened', 'part fetched', 'part appended', 'archive closed'];
const NAMING: Step[] = ['read back', 'effect stored', 'archive named', 'outcome reported', 'settled', 'event sent'];
const RESTORING: Step[] = [
  ...(['archive opened', 'generation staged', 'part staged', 'indexes built', 'effect stored'] as const),
  ...(['switched', 'switch answered', 'settled', 'event sent'] as const),
];
/** Of those that are made again and again, one in the middle. */
const REPEATED: ReadonlySet<Step> = new Set(['part fetched', 'part appended', 'chunk acknowledged', 'part staged']);
const VICTIMS: Victim[] = ['gateway', 'index-service', 'transfer-worker'];

const SCENARIOS = {
  'backup to a file': { scheme: 'file', steps: [...BEGINNING, ...PACKING, ...NAMING] },
  'backup over HTTP': { scheme: 'http', steps: [...BEGINNING, ...PACKING, 'chunk acknowledged', ...NAMING] },
  'restore from a file': { scheme: 'file', steps: [...BEGINNING, ...RESTORING] },
  'restore to a moment, over HTTP': { scheme: 'http', steps: [...BEGINNING, ...RESTORING] },
} as const satisfies Record<string, { scheme: 'file' | 'http'; steps: Step[] }>;
type Scenario = keyof typeof SCENARIOS;

const CRASHES = (Object.keys(SCENARIOS) as Scenario[]).flatMap((scenario) =>
  SCENARIOS[scenario].steps.flatMap((step) => VICTIMS.map((victim) => [scenario, step, victim] as const)),
);

/** So many of them, in an order that follows from the seed. */
function chosen(): typeof CRASHES {
  if (TIDEMARK_TEST_CRASHES === 'all') return CRASHES;
  const rank = (crash: (typeof CRASHES)[number]): string =>
    createHash('sha256').update(`${TIDEMARK_TEST_SEED} ${crash.join()}`).digest('hex');
  return [...CRASHES].sort((a, b) => (rank(a) < rank(b) ? -1 : 1)).slice(0, Number(TIDEMARK_TEST_CRASHES));
}

whereItIs(`kill -9, TIDEMARK_TEST_SEED=${TIDEMARK_TEST_SEED}`, () => {
  let system: CrashSystem;
  beforeAll(async () => {
    system = await CrashSystem.open();
  });
  afterAll(() => system.close());

  /** Asks for the job, and kills the victim when somebody has come to the step. */
  async function crashed(scenario: Scenario, { step, victim }: { step: Step; victim: Victim }): Promise<void> {
    const { scheme } = SCENARIOS[scenario];
    const held = system.steps.hold(step, REPEATED.has(step) ? 2 : 0);
    const { client } = system.it;
    const boundary = scenario.includes('moment') ? { timeSnapshotBoundaryMicros: system.moment } : {};
    const asked = scenario.startsWith('backup')
      ? client.backup(system.destination(scheme, 'new.zip'), { wait: false })
      : client.restore(system.destination(scheme, 'base.zip'), { wait: false, ...boundary });
    asked.catch(() => undefined); // its gateway may be killed before it answers
    await held.reached;
    const process = system.processOf(victim);
    await process.kill();
    await process.start();
    held.release();
    await asked.catch(() => undefined);
  }

  async function expectBackedUp(
    scheme: 'file' | 'http',
    { bytes, sha256 }: { bytes: number; sha256: string },
  ): Promise<void> {
    const content = await system.content(scheme, 'new.zip');
    const found = { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
    expect(found).toEqual({ bytes, sha256 });
    expect(await system.fingerprint()).toEqual(system.live);
  }

  test.each(chosen())('%s, at "%s": the %s', async (scenario, step, victim) => {
    await system.prepare();
    await crashed(scenario, { step, victim });
    const job = await system.ended();
    expect(job).toMatchObject({ state: 'SUCCEEDED', error: null });
    if (scenario.startsWith('backup')) {
      const { archive, versions } = job.result as { archive: { bytes: number; sha256: string }; versions: number };
      expect(versions).toBe(system.live.versions);
      await expectBackedUp(SCENARIOS[scenario].scheme, archive);
    } else {
      const { hash } = scenario.includes('moment') ? system.atMoment : system.archived;
      expect(await system.fingerprint()).toMatchObject({ hash, previousGeneration: system.live.liveGeneration });
      expect(job.result).toMatchObject({ previousGeneration: system.live.liveGeneration, restartRequired: false });
    }
    const { id, state, revision } = job;
    expect(await system.told()).toEqual([{ id, state, revision }]);
    await system.expectNothingLeftBehind();
  });
});
