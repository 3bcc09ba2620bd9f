import { setImmediate as turn } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { environment } from '@tidemark/platform';
import {
  brokerIsThere,
  fingerprintOf,
  holdChanges,
  type HeldConnections,
  PostgresProxy,
  startServices,
  type Answer,
  type Job,
  type RunningServices,
} from '@tidemark/testing';

import { OutageWatch } from './outage-watch.fixture.test.js';
import { PrivateBroker } from './private-broker.fixture.test.js';
import { untilReadiness, withoutPause, type Problems } from './readiness.fixture.test.js';

const OUTAGE_SECONDS = Number(environment().TIDEMARK_TEST_OUTAGE_SECONDS ?? 20);
const LEASE_SECONDS = 10;
/**
 * A worker waits for the broker for two seconds before it tells the gateway itself how a job has ended; what it has not
 * told after 60 is left to the lease.
 */
const ON_TIME_MILLIS = 30_000;
/** What waits for the broker is within 16 MiB; as much again for a heap that has not been tidied for a while. */
const GROWTH_BYTES = 32 * 1024 * 1024;
const AWAY = /^not connected to RabbitMQ/;

jest.setTimeout((OUTAGE_SECONDS * 4 + 120) * 1000); // a broker and processes are started, and all that was asked for is run

const whereItIs = brokerIsThere() ? describe : describe.skip;

/** A broker that is away for a while: jobs that run do not notice, and those that are asked for run when it is back. */
whereItIs('a broker that is stopped', () => {
  let broker: PrivateBroker;
  let proxy: PostgresProxy;
  let it: RunningServices;
  beforeAll(async () => {
    [broker, proxy] = await Promise.all([PrivateBroker.start(), PostgresProxy.open()]);
    const settings = { TIDEMARK_PART_BYTES: String(64 * 1024), TIDEMARK_LEASE_SECONDS: String(LEASE_SECONDS) };
    it = await startServices({ proxy, amqpUrl: broker.url, settings });
    const text = 'kept '.repeat(50);
    await it.client.bulk(Array.from({ length: 4500 }, (_, n) => [`/kept/${n}`, { n, text }]));
    expect((await it.client.backup(archive('before'))).status).toBe(200);
  });
  afterAll(async () => {
    await it.remove();
    await Promise.all([broker.remove(), proxy.close()]);
  });

  const archive = (name: string): string => `file:${it.archives}/${name}.zip`;

  /** Backups to a few places, so that some wait for each other, and now and then a restore. */
  function request(second: number): Promise<Answer<Job>> {
    if (second % 5 === 4) return it.client.restore(archive('before'), { wait: false });
    return it.client.backup(archive(`asked-${second % 3}`), { wait: false });
  }

  async function endsOnTime(id: string): Promise<void> {
    const begun = performance.now();
    expect(await it.client.ended(id)).toMatchObject({ state: 'SUCCEEDED', attempt: 1, attempts: [] });
    expect(performance.now() - begun).toBeLessThan(ON_TIME_MILLIS);
  }

  /** By everybody who talks over it, to everybody who asks. */
  async function expectToldAsAway(): Promise<void> {
    const [gateway, worker] = await Promise.all([untilReadiness(it, 503), untilReadiness(it.worker, 503)]);
    expect(gateway.problems).toEqual({
      database: [],
      messaging: expect.arrayContaining([expect.stringMatching(AWAY)]),
    });
    expect(worker.problems).toEqual({ queues: expect.arrayContaining([expect.stringMatching(AWAY)]) });
    const status = async (): Promise<{ problems: Problems }> =>
      (await it.client.call<{ problems: Problems }>('GET', '/core/management')).body;
    expect(await withoutPause(status)).toMatchObject({
      problems: { index: [], jobs: [], messaging: expect.arrayContaining([expect.stringMatching(AWAY)]) },
    });
  }

  async function untilItIsBack(): Promise<void> {
    await Promise.all([untilReadiness(it, 200), untilReadiness(it.worker, 200)]);
  }

  test('in the middle of a backup and of a restore: both end meanwhile; what is asked for meanwhile runs after it', async () => {
    const archived = await fingerprintOf(it);
    const parts = new Drip(proxy);
    const { body: backup } = await it.client.backup(archive('during'), { wait: false });
    await parts.reached;
    await parts.next();
    await parts.reached;
    const loading = await holdChanges(it, 'INSERT ON catalog.staged_part', 'NEW.part = 4');
    const { body: restore } = await it.client.restore(archive('before'), { wait: false });
    await loading.reached();

    const watch = new OutageWatch(it);
    await broker.stop();
    await expectToldAsAway();
    // Each after more than a lease, unless the outage is shortened.
    const [restoreGoesOn, backupGoesOn] = [Math.floor(0.6 * OUTAGE_SECONDS), Math.floor(0.8 * OUTAGE_SECONDS)];
    const ends: Promise<void>[] = [];
    await watch.eachSecond(OUTAGE_SECONDS, async (second) => {
      if (second < backupGoesOn && second % Math.ceil(OUTAGE_SECONDS / 15) === 0) await parts.next();
      if (second === restoreGoesOn) {
        await loading.release();
        ends.push(endsOnTime(restore.id));
      }
      if (second === backupGoesOn) {
        parts.release();
        ends.push(endsOnTime(backup.id));
      }
      return await request(second);
    });
    await Promise.all(ends); // the broker does not come back before that
    expect((await fingerprintOf(it)).hash).toBe(archived.hash);
    await watch.expectAllQueued();
    await expectToldAsAway();

    await broker.startAgain();
    await watch.expectAllToSucceed();
    await untilItIsBack();
    process.stderr.write(`broker away for ${OUTAGE_SECONDS} s: ${watch.figures}\n`);
    watch.expectQuickAnswers();
    watch.expectLevelMemory(GROWTH_BYTES);
  });

  test('while services stop and start: they start without it, and get going when it comes', async () => {
    await broker.stop();
    const [gateway] = it.gateways;
    for (const process of [it.worker, gateway]) expect(await process?.stop()).toBe(0);
    for (const process of [gateway, it.worker]) await process?.start();
    await expectToldAsAway();
    const { status, body } = await it.client.backup(archive('asked'), { wait: false });
    expect([status, body.state]).toEqual([202, 'QUEUED']);

    await broker.startAgain();
    expect(await it.client.ended(body.id)).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
    await untilItIsBack();
  });
});

/** A backup gets on by a part at a time. */
class Drip {
  static readonly #PART = ['tidemark-part', 'ctid'] as const;
  #held: HeldConnections;

  constructor(private readonly proxy: PostgresProxy) {
    this.#held = proxy.hold(...Drip.#PART);
  }

  get reached(): Promise<unknown> {
    return this.#held.reached;
  }

  async next(): Promise<void> {
    this.#held.release();
    await turn(); // what waited is on its way then
    this.#held = this.proxy.hold(...Drip.#PART);
  }

  release(): void {
    this.#held.release();
  }
}
