import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import {
  Bystander,
  brokerIsThere,
  holdChanges,
  PostgresProxy,
  startServices,
  type RunningServices,
} from '@tidemark/testing';

import { overstay, untilAtRest } from './bystander.fixture.test.js';
import { PrivateBroker } from './private-broker.fixture.test.js';
import { readinessOf, untilReadiness } from './readiness.fixture.test.js';
import { ToldJobs } from './told-jobs.fixture.test.js';

jest.setTimeout(180_000); // a broker and processes are started: on a busy machine that takes its time

const whereItIs = brokerIsThere() ? describe : describe.skip;

/** By itself the broker checks once a minute, whether somebody has held a message for 30. */
const TIMEOUT = { consumer_timeout: 4_000, channel_tick_interval: 500 };

/** A broker ends the channel of a consumer that holds a message for too long; jobs that take longer hold none. */
whereItIs('a broker whose consumer timeout is short', () => {
  let broker: PrivateBroker;
  let proxy: PostgresProxy;
  let it: RunningServices;
  let bystander: Bystander;
  let told: ToldJobs;
  beforeAll(async () => {
    [broker, proxy] = await Promise.all([PrivateBroker.start(TIMEOUT), PostgresProxy.open()]);
    it = await startServices({ proxy, amqpUrl: broker.url });
    bystander = await Bystander.open(it.services);
    told = await ToldJobs.of(bystander);
    await it.client.put('/kept/a', { n: 1 });
    expect((await it.client.backup(archive('before'))).status).toBe(200);
  });
  afterAll(async () => {
    await bystander.close();
    await it.remove();
    await Promise.all([broker.remove(), proxy.close()]);
  });

  const archive = (name: string): string => `file:${it.archives}/${name}.zip`;

  test('enforces it', async () => {
    expect((await overstay(it.services)).message).toMatch(/406 .*delivery acknowledgement on channel \d+ timed out/);
  });

  /** So long that others have lost their channels, one after the other. */
  async function outlast(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      await overstay(it.services);
      for (const process of it.processes) expect(await readinessOf(process)).toMatchObject({ status: 200 });
    }
  }

  async function expectRunOnce(id: string): Promise<void> {
    expect(await it.client.ended(id)).toMatchObject({ state: 'SUCCEEDED', attempt: 1, attempts: [] });
    const { body: last } = await it.client.backup(archive('last'));
    await told.keysOf(last.id);
    expect(await told.keysOf(id)).toEqual([expect.stringMatching(/^job\.\w+\.succeeded$/)]);
    await Promise.all([untilReadiness(it, 200), untilReadiness(it.worker, 200)]);
    for (const queue of ['tidemark.jobs.backup', 'tidemark.jobs.restore', 'tidemark.reports'] as const)
      await untilAtRest(bystander, queue);
    expect(it.log()).not.toContain('the broker ended a channel');
  }

  test('lets a backup that outlasts it run once', async () => {
    const held = proxy.hold('tidemark-part', 'ctid');
    const { body } = await it.client.backup(archive('long'), { wait: false });
    await held.reached;
    await outlast();
    expect((await it.client.job(body.id)).state).toBe('RUNNING');
    held.release();
    await expectRunOnce(body.id);
  });

  test('lets a restore that outlasts it run once', async () => {
    const held = await holdChanges(it, 'INSERT ON catalog.staged_part', 'true');
    const { body } = await it.client.restore(archive('before'), { wait: false });
    await held.reached();
    await outlast();
    expect((await it.client.job(body.id)).state).toBe('RUNNING');
    await held.release();
    await expectRunOnce(body.id);
  });
});
