/**
 * What a job costs over its services: so much for each part, and for the rest the same, whatever the size of the index.
 * Told by statements, requests, messages and bytes; what is said by time, such as progress, does not count.
 */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import type { BackupResult, RestoreResult } from '@tidemark/contracts';
import {
  anotherWorker,
  brokerIsThere,
  mostAtOnce,
  PostgresProxy,
  startServices,
  SystemClient,
  type TestProcess,
  type Job,
  type RunningServices,
  type Statement,
} from '@tidemark/testing';

import { BrokerSpy } from './broker-spy.fixture.test.js';

jest.setTimeout(90_000); // processes are started: on a busy machine that takes its time

const SMALL = 1600;
const LARGE = 8 * SMALL;
const PART_BYTES = 64 * 1024;
/** One makes it; three times it is looked at and changed, once more where a heartbeat comes between. */
const DECISIONS = { least: 7, most: 9 };
const whereItIs = brokerIsThere() ? describe : describe.skip;

type Ask = () => Promise<{ readonly body: Job }>;

interface JobCost<R> {
  readonly result: R;
  readonly statements: readonly Statement[];
  /** How often each route of the index-service was asked. */
  readonly asked: Readonly<Record<string, number>>;
  /** By their keys. */
  readonly messages: readonly string[];
}

whereItIs('a job', () => {
  let proxy: PostgresProxy;
  let it: RunningServices;
  let spy: BrokerSpy;
  let worker: TestProcess;
  let events = 0;
  beforeAll(async () => {
    proxy = await PostgresProxy.open();
    it = await startServices({
      proxy,
      settings: { TIDEMARK_PART_BYTES: String(PART_BYTES), TIDEMARK_PARALLELISM: '4' },
    });
    spy = await BrokerSpy.open(it.services);
    worker = it.worker;
    await it.client.bulk(documents(0, SMALL));
  });
  afterAll(async () => {
    await worker.stop();
    await spy.close();
    await it.remove();
    await proxy.close();
  });

  const archive = (name: string): string => `file:${it.archives}/${name}.zip`;

  async function costOf<R>(ask: Ask): Promise<JobCost<R>> {
    const before = await requests();
    const { value, statements } = await proxy.during(ask);
    const { body: job } = value;
    expect(job).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
    await spy.messages('tidemark.events', ++events);
    const asked = Object.entries(await requests()).map(
      ([route, count]) => [route, count - (before[route] ?? 0)] as const,
    );
    const messages = [...spy.seen.values()].flat().filter((message) => message.includes(job.id));
    return {
      result: job.result as R,
      statements,
      asked: Object.fromEntries(asked.filter(([route, count]) => count !== 0 && route !== 'GET /core/metrics')),
      messages: messages.map((message) => /"routingKey":"([^"]*)"/.exec(message)?.[1] ?? ''),
    };
  }

  async function requests(): Promise<Record<string, number>> {
    const text = await new SystemClient(it.indexServices[0]!.url).text('/core/metrics');
    const series = /^tidemark_http_request_duration_seconds_count\{.*route="(.*?)",method="(.*?)".*\} (\d+)$/gm;
    return Object.fromEntries(
      [...text.matchAll(series)].map(([, route, method, n]) => [`${method} ${route}`, Number(n)]),
    );
  }

  /** A worker in the place of the one before it. */
  async function changeWorker(parallelism: number): Promise<void> {
    await worker.stop();
    const settings = { TIDEMARK_PARALLELISM: String(parallelism) };
    worker = await anotherWorker(it, { spool: `spool-of-${parallelism}`, ...settings }).start();
  }

  /** Each COPY is held until so many are there, then they go on. */
  async function copiesAtOnce(beginning: string, parallelism: number, ask: Ask): Promise<number> {
    const held = proxy.hold('tidemark-part', beginning);
    const asked = costOf(ask);
    await Promise.race([held.reachedBy(parallelism), asked]);
    held.release();
    return mostAtOnce((await asked).statements, beginning);
  }

  test.each([4, 1, 2])('is split in as many ways as its worker is set to: %d', async (parallelism) => {
    if (parallelism !== 4) await changeWorker(parallelism);
    const backup = (): ReturnType<Ask> => it.client.backup(archive('split'));
    const restore = (): ReturnType<Ask> => it.client.restore(archive('split'));
    expect(await copiesAtOnce('COPY (', parallelism, backup)).toBe(parallelism);
    expect(await copiesAtOnce('COPY index_', parallelism, restore)).toBe(parallelism);
  });

  test('costs as much for each part of eight times as many', async () => {
    const backups = [await costOf<BackupResult>(() => it.client.backup(archive('small')))];
    const restores = [await costOf<RestoreResult>(() => it.client.restore(archive('small')))];
    await it.client.bulk(documents(SMALL, LARGE));
    backups.push(await costOf<BackupResult>(() => it.client.backup(archive('large'))));
    restores.push(await costOf<RestoreResult>(() => it.client.restore(archive('large'))));

    for (const cost of backups) expectBackupCost(cost);
    for (const cost of restores) expectRestoreCost(cost);
    const [few, many] = backups.map(({ result }) => result);
    expect([few!.versions, many!.versions]).toEqual([SMALL, LARGE]);
    for (const each of ['parts', 'bytes'] as const) {
      expect(many!.archive[each] / few!.archive[each] / (LARGE / SMALL)).toBeGreaterThan(0.8);
      expect(many!.archive[each] / few!.archive[each] / (LARGE / SMALL)).toBeLessThan(1.2);
    }
  });
});

function expectBackupCost({ result, asked, ...cost }: JobCost<BackupResult>): void {
  const { parts } = result.archive;
  expect(parts).toBeGreaterThan(5);
  expect(asked).toEqual({
    'POST /snapshots': 1,
    'GET /snapshots/:session/parts': parts,
    'GET /snapshots/:session/totals': 1,
    'DELETE /snapshots/:session': 1,
  });
  // A transaction with a COPY in it for each part, and one that counts.
  expect(saidBy('tidemark-part', cost)).toBe(3 * parts + 3);
  expectDecisions(['backup', 'job.backup.succeeded', 'settled'], cost);
}

function expectRestoreCost({ result, asked, ...cost }: JobCost<RestoreResult>): void {
  const { 'GET /staged-generations/:session/build': waits, ...others } = asked;
  expect(waits).toBeGreaterThan(0);
  expect(others).toEqual({
    'POST /staged-generations': 1,
    'PUT /staged-generations/:session/parts/:part': result.partsRead,
    'POST /staged-generations/:session/build': 1,
    'POST /switch': 1,
  });
  expect(saidBy('tidemark-part', cost)).toBe(6 * result.partsRead);
  // The gateway ends it itself, after the switch.
  expectDecisions(['job.restore.succeeded', 'restore'], cost);
}

/** What is said of the job, and what the gateway does about it, but for what is by time. */
function expectDecisions(
  keys: string[],
  { messages, statements }: Pick<JobCost<unknown>, 'messages' | 'statements'>,
): void {
  expect(messages.filter((key) => key !== 'progress').sort()).toEqual(keys);
  const decisions = statements.filter(({ text }) => /^\s*(SELECT job\.\*|UPDATE "jobs"|WITH key AS)/.test(text ?? ''));
  expect(decisions.length).toBeGreaterThanOrEqual(DECISIONS.least);
  expect(decisions.length).toBeLessThanOrEqual(DECISIONS.most);
}

function saidBy(name: string, { statements }: Pick<JobCost<unknown>, 'statements'>): number {
  return statements.filter(({ by, text }) => by === name && text !== null).length;
}

function documents(from: number, to: number): [string, object][] {
  return Array.from({ length: to - from }, (_, n) => [
    `/kept/${from + n}`,
    { n, text: `${Math.sin(from + n)} `.repeat(10) },
  ]);
}
