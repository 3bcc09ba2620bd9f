/**
 * Generated histories, written through two gateways in turn, backed up through one and restored to moments of them
 * through the other: the state is the same each time, for every reader.
 */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';

import { environment } from '@tidemark/platform';
import { brokerIsThere, versionsOf, type RunningSystem, type StoredVersion } from '@tidemark/testing';

import { textOf } from './document-model.fixture.test.js';
import { History, operation, perform, type Operation } from './history.fixture.test.js';
import { TwoOfEach } from './two-of-each.fixture.test.js';

jest.setTimeout(240_000); // six processes are started, and a restore is made for each moment of each history

const { TIDEMARK_TEST_RUNS, TIDEMARK_TEST_SEED } = environment();
const whereItIs = brokerIsThere() ? describe : describe.skip;
const MOMENTS = 8;

let two: TwoOfEach;
/** Each request to it goes to the other gateway than the one before. */
let inTurn: RunningSystem;

/** Some moments of a history, in disorder, so that each restore finds another state. */
function momentsOf(history: History): number[] {
  const stamps = history.stamps();
  const every = Math.ceil(stamps.length / MOMENTS);
  const rising = stamps.filter((_, n) => n % every === 0);
  return [...rising.filter((_, n) => n % 2 === 1), ...rising.filter((_, n) => n % 2 === 0).reverse()];
}

async function restore(name: string, boundary?: number): Promise<void> {
  const fields = boundary === undefined ? {} : { timeSnapshotBoundaryMicros: boundary };
  const { body } = await two.clients[1].restore(two.archive(name), fields);
  expect(body).toMatchObject({ state: 'SUCCEEDED', attempt: 1, warnings: [] });
}

/** The database holds these versions, and both gateways show the latest of each link, byte for byte. */
async function expectState(versions: readonly StoredVersion[]): Promise<void> {
  expect(await versionsOf(two.it)).toEqual(versions);
  const latest = [...new Map(versions.map((version) => [version.link, version])).values()];
  const documents = latest.map((state) => `${JSON.stringify(state.link)}:${textOf(state)}`).join(',');
  const links = JSON.stringify(latest.map(({ link }) => link));
  const whole = `{"documentLinks":${links},"documents":{${documents}},"documentCount":${latest.length}}`;
  const listing = '/core/document-index?documentSelfLink=/*&expand&includeDeleted&$limit=10000';
  expect(await Promise.all(two.clients.map((client) => client.text(listing)))).toEqual([whole, whole]);
}

async function holds(operations: readonly Operation[]): Promise<void> {
  await restore('empty');
  const history = new History();
  for (const one of operations) await perform(inTurn, history, one);
  await expectState(history.versions());
  const { body } = await two.clients[0].backup(two.archive('whole'));
  expect(body).toMatchObject({ state: 'SUCCEEDED', attempt: 1, result: { versions: history.versions().length } });
  for (const moment of momentsOf(history)) {
    await restore('whole', moment);
    await expectState(history.versions(moment));
  }
  await restore('whole');
  await expectState(history.versions());
}

whereItIs('over two of each service', () => {
  beforeAll(async () => {
    two = await TwoOfEach.open(0);
    let asked = 0;
    inTurn = {
      ...two.it,
      get url() {
        return two.it.gateways[asked++ % 2]!.url;
      },
      get client() {
        return two.clients[asked++ % 2]!;
      },
    };
    expect((await two.clients[0].backup(two.archive('empty'))).body).toMatchObject({ state: 'SUCCEEDED' });
  });
  afterAll(() => two.close());

  test('what was written through both is what either restores, at every moment', async () => {
    const histories = fc.array(operation, { minLength: 8, maxLength: 14, size: 'max' });
    await fc.assert(fc.asyncProperty(histories, holds), {
      numRuns: Number(TIDEMARK_TEST_RUNS ?? 4),
      endOnFailure: true,
      ...(TIDEMARK_TEST_SEED === undefined ? {} : { seed: Number(TIDEMARK_TEST_SEED) }),
    });
    await two.expectNothingLeftBehind();
  });
});
