import { createHash } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import type { Step } from '@tidemark/contracts';
import { brokerIsThere, type ServiceCounts } from '@tidemark/testing';

import { CrashSystem, type Victim } from './crash-system.fixture.test.js';
import { chosenOf, SEED } from './seeded-cases.fixture.test.js';

/** Support for tests of killed processes (no test itself): which one is killed where, and what must hold in the end. */

const BEGINNING: Step[] = ['job stored', 'doorbell sent', 'claimed', 'message acknowledged'];
const PACKING: Step[] = ['snapshot opened', 'part fetched', 'part appended', 'archive closed'];
const NAMING: Step[] = ['read back', 'effect stored', 'archive named', 'outcome reported', 'settled', 'event sent'];
const RESTORING: Step[] = [
  ...(['archive opened', 'generation staged', 'part staged', 'indexes built', 'effect stored'] as const),
  ...(['switched', 'switch answered', 'settled', 'event sent'] as const),
];
/** Of those that are made again and again, one in the middle. */
export const REPEATED: ReadonlySet<Step> = new Set([
  'part fetched',
  'part appended',
  'chunk acknowledged',
  'part staged',
]);
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

/** From so many cases on it is no chance that all of a system's workers have run some. */
const MORE_THAN_A_HANDFUL = 20;

export interface CrashShape {
  readonly counts: ServiceCounts;
  /** As many cases are run where nothing else is said. */
  readonly some: number;
}

/** The tests of one shape of a system. */
export function describeCrashes(shape: string, { counts, some }: CrashShape): void {
  jest.setTimeout(180_000); // a process is started, and leases and back-offs run out
  const crashes = chosenOf(CRASHES, { some, subject: shape });
  const whereItIs = brokerIsThere() ? describe : describe.skip;

  whereItIs(`kill -9, ${shape}, TIDEMARK_TEST_SEED=${SEED}`, () => {
    let system: CrashSystem;
    beforeAll(async () => {
      system = await CrashSystem.open(counts);
    });
    afterAll(() => system.close());

    test.each(crashes)('%s, at "%s": the %s', async (scenario, step, victim) => {
      await system.prepare();
      await crashed(system, scenario, { step, victim });
      await expectAsWithoutIt(system, scenario);
    });

    if (crashes.length < MORE_THAN_A_HANDFUL) return;
    test('all workers have claimed jobs', () => {
      expect([...system.claimants()].sort()).toEqual([...system.it.workers.keys()]);
    });
  });
}

/** Asks for the job, and kills the victim when somebody has come to the step. */
async function crashed(
  system: CrashSystem,
  scenario: Scenario,
  { step, victim }: { step: Step; victim: Victim },
): Promise<void> {
  const { scheme } = SCENARIOS[scenario];
  const held = system.steps.hold(step, REPEATED.has(step) ? 2 : 0);
  const { client } = system;
  const boundary = scenario.includes('moment') ? { timeSnapshotBoundaryMicros: system.moment } : {};
  const asked = scenario.startsWith('backup')
    ? client.backup(system.destination(scheme, 'new.zip'), { wait: false })
    : client.restore(system.destination(scheme, 'base.zip'), { wait: false, ...boundary });
  asked.catch(() => undefined); // its gateway may be killed before it answers
  const process = system.partaker(victim, await held.reached);
  await process.kill();
  // Where there is another one of its kind, that one may go on at once.
  if (system.isAlone(process)) await process.start();
  held.release();
  if (!system.isAlone(process)) await process.start();
  await asked.catch(() => undefined);
}

/** What holds after every job: it has succeeded, was told of once, and the archive, or the index, is wholly what it says. */
async function expectAsWithoutIt(system: CrashSystem, scenario: Scenario): Promise<void> {
  const job = await system.ended();
  expect(job).toMatchObject({ state: 'SUCCEEDED', error: null });
  if (scenario.startsWith('backup')) {
    const { archive, versions } = job.result as { archive: { bytes: number; sha256: string }; versions: number };
    const content = await system.content(SCENARIOS[scenario].scheme, 'new.zip');
    const found = { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
    expect({ ...found, versions }).toEqual({
      bytes: archive.bytes,
      sha256: archive.sha256,
      versions: system.live.versions,
    });
    expect(await system.fingerprint()).toEqual(system.live);
  } else {
    const { hash } = scenario.includes('moment') ? system.atMoment : system.archived;
    expect(await system.fingerprint()).toMatchObject({ hash, previousGeneration: system.live.liveGeneration });
    expect(job.result).toMatchObject({ previousGeneration: system.live.liveGeneration, restartRequired: false });
  }
  const { id, state, revision } = job;
  expect(await system.told(id)).toEqual([{ id, state, revision }]);
  await system.expectNothingLeftBehind();
}
