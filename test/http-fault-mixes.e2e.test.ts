/**
 * Backups and restores on a way on which any request can go wrong: they succeed, proven, or a code says why not.
 * `TIDEMARK_TEST_FAULT_ROUNDS` makes them more, `TIDEMARK_TEST_SEED` begins with what has failed once.
 */
import { randomInt } from 'node:crypto';

import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';

import { environment } from '@tidemark/platform';
import {
  fingerprintOf,
  HTTP_FAULTS as FAULTS,
  seededNumbers,
  type Answer,
  type Fault,
  type FaultOf,
  type Job,
  type Random,
} from '@tidemark/testing';

import { FaultyDestinations, met, type FaultyPlace } from './faulty-destinations.fixture.test.js';

const { TIDEMARK_TEST_FAULT_ROUNDS, TIDEMARK_TEST_SEED } = environment();
const ROUNDS = Number(TIDEMARK_TEST_FAULT_ROUNDS ?? 2);
const SEED = Number(TIDEMARK_TEST_SEED ?? randomInt(2 ** 31));
const ALLOWED = ['SUCCEEDED', 'FAILED', 'DESTINATION_UNREACHABLE', 'DESTINATION_TIMEOUT', 'DESTINATION_IGNORES_RANGES'];

jest.setTimeout(60_000 + ROUNDS * 60_000);

let all: FaultyDestinations;
beforeAll(async () => {
  process.stdout.write(`the seed of the mixes of faults is ${SEED}\n`);
  all = await FaultyDestinations.start();
});
afterAll(() => all.remove());

/** Whatever a request can meet and another one makes good; for a body of so many bytes. */
const IN_ANY: readonly ((byte: number, random: Random) => Fault)[] = [
  FAULTS.resetInRequest,
  FAULTS.stallInRequest,
  FAULTS.resetForAnswer,
  FAULTS.stallForAnswer,
  () => FAULTS.status(408),
  () => FAULTS.status(429, { 'retry-after': '0' }),
  () => FAULTS.status(500),
  () => FAULTS.status(503),
  () => FAULTS.html(502),
  () => FAULTS.lostAnswer(504),
  () => FAULTS.statusBeforeBody(503),
];
const IN_GET: typeof IN_ANY = [
  FAULTS.resetInAnswer,
  FAULTS.stallInAnswer,
  FAULTS.truncated,
  FAULTS.shortened,
  FAULTS.wholeForRange,
  FAULTS.noRange,
  (_, random) => FAULTS.shiftedRange(1 + random(100)),
  (_, random) => FAULTS.drip(2 + random(20), random(50)),
];

/** One request in so many meets a fault. */
function mix(random: Random, oneIn: number): FaultOf {
  return ({ method, range }) => {
    if (random(oneIn) > 0) return undefined;
    const kinds = method === 'GET' ? [...IN_ANY, ...IN_GET, ...IN_GET] : IN_ANY;
    const bytes = range ? range.end - range.start : 0;
    return kinds[random(kinds.length)]?.(random(bytes), random);
  };
}

interface Run {
  readonly job: Job;
  /** The codes of attempts that failed, and the state at the end. */
  readonly outcomes: readonly string[];
  readonly faults: number;
}

/** The job as it ends; where its first attempt fails, the next one meets no fault. */
async function run(place: FaultyPlace, faultOf: FaultOf, ask: () => Promise<Answer<Job>>): Promise<Run> {
  place.proxy.give(faultOf);
  const { id } = (await ask()).body;
  const isDecided = ({ state, attempts }: Job): boolean => state === 'SUCCEEDED' || attempts.length > 0;
  await all.it.client.jobWhen(id, isDecided);
  const faults = met(place).length;
  place.proxy.give(() => undefined);
  const job = await all.it.client.ended(id);
  await all.expectNothingSpooled();
  return { job, outcomes: [...job.attempts.map(({ error }) => error?.code ?? 'NONE'), job.state], faults };
}

interface Round {
  readonly seed: number;
  readonly outcomes: readonly string[];
  readonly faults: number;
}

/** A backup and a restore of what it has made, in full or to a moment before the last write. */
async function round(place: FaultyPlace, seed: number): Promise<Round> {
  const random = seededNumbers(seed);
  const { it } = all;
  const oneIn = 3 + random(6);
  const before = await all.write('/kept/0');
  const { body: written } = await it.client.put('/kept/1', { seed });
  const archived = await fingerprintOf(it);
  const { client } = it;
  const backup = await run(place, mix(random, oneIn), () => client.backup(place.url, { wait: false }));
  if (backup.job.state !== 'SUCCEEDED') return { seed, outcomes: backup.outcomes, faults: backup.faults };
  await all.expectProven(place, backup.job, archived);

  const moment = { timeSnapshotBoundaryMicros: Number(written.documentUpdateTimeMicros) - 1 };
  const isToMoment = random(2) === 0;
  const live = await all.write('/lost/0');
  const fields = { wait: false, ...(isToMoment ? moment : {}) };
  const restore = await run(place, mix(random, oneIn), () => client.restore(place.url, fields));
  const restored = isToMoment ? before : archived;
  expect((await fingerprintOf(it)).hash).toBe((restore.job.state === 'SUCCEEDED' ? restored : live).hash);
  const outcomes = [...backup.outcomes, ...restore.outcomes];
  return { seed, outcomes, faults: backup.faults + restore.faults };
}

test.each(['depot', 'plain'] as const)('in any mix of faults on the way to the %s server', async (kind) => {
  const rounds: Round[] = [];
  for (let n = 0; n < ROUNDS; n++) {
    const seed = SEED + n;
    try {
      rounds.push(await round(all[kind], seed));
      all.expectSound();
    } catch (error) {
      throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
    }
  }
  const wrong = rounds.filter(({ outcomes }) => outcomes.some((one) => !ALLOWED.includes(one)));
  expect({ seed: SEED, wrong }).toEqual({ seed: SEED, wrong: [] });
  const outcomes = rounds.flatMap((one) => one.outcomes);
  expect({ seed: SEED, outcomes }).toMatchObject({ outcomes: expect.arrayContaining(['SUCCEEDED']) as unknown });
  const faults = rounds.reduce((sum, one) => sum + one.faults, 0);
  expect({ seed: SEED, isDisturbed: faults > 0 }).toEqual({ seed: SEED, isDisturbed: true });
});
