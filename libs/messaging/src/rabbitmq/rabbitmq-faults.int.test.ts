import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { brokerIsThere, TcpProxy, testBrokerUrl } from '@tidemark/testing';

import { collect, eventually, inbox } from '../contract/harness.contract.js';
import { JOB, OTHER_JOB, settled } from '../contract/samples.contract.js';
import type { Messaging } from '../messaging.js';
import { openOwnTopology, type OwnTopology } from './rabbitmq.fixture.test.js';

let own: OwnTopology;
let messaging: Messaging;

const QUEUE = 'tidemark.jobs.backup';

/** In memory of this process, when nothing is left that nobody can reach. */
async function bytesKept(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  for (let round = 0; round < 3; round++) {
    collectGarbage();
    await turn(); // what was collected is given back then
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
const untilReady = (): Promise<unknown> =>
  eventually(() => Promise.resolve(messaging.problems().length === 0 ? [1] : []), 1);

const whereItIs = brokerIsThere() ? describe : describe.skip;

whereItIs('what only a broker between processes can do to those who talk over it', () => {
  beforeEach(async () => {
    own = await openOwnTopology();
    messaging = own.connect();
  });
  afterEach(async () => {
    await messaging.close();
    await own.close();
  });

  describe('a queue that is deleted', () => {
    test('is made again with its bindings, and subscribed to again; messaging says meanwhile that it is not', async () => {
      const [arrived, subscription] = collect(messaging, QUEUE);
      await subscription.started;
      expect(messaging.problems()).toEqual([]);
      await own.channel.deleteQueue(own.names.atBroker(QUEUE));
      await eventually(() => Promise.resolve(messaging.problems()), 1);
      expect(messaging.problems()).toEqual([`not subscribed to ${QUEUE}`]);
      await untilReady();
      await messaging.publish('backupDoorbell', { jobId: JOB });
      expect((await arrived.next()).message.body).toEqual({ jobId: JOB });
    });

    test('with a message in hand: its handler ends in peace, and the next message comes', async () => {
      const handled = inbox<string>();
      const gone = Promise.withResolvers<undefined>();
      messaging.subscribe(QUEUE, async ({ body }) => {
        handled.put(body.jobId);
        if (body.jobId === JOB) await gone.promise;
      });
      await messaging.publish('backupDoorbell', { jobId: JOB });
      expect(await handled.next()).toBe(JOB);
      await own.channel.deleteQueue(own.names.atBroker(QUEUE));
      gone.resolve(undefined);
      await eventually(() => Promise.resolve(messaging.problems()), 1);
      await untilReady();
      await messaging.publish('backupDoorbell', { jobId: OTHER_JOB });
      expect(await handled.next()).toBe(OTHER_JOB);
    });
  });

  test('queues that are deleted one after the other, and published to, come back with their consumers', async () => {
    const subscribed = [collect(messaging, QUEUE), collect(messaging, 'tidemark.jobs.restore')] as const;
    for (const [, { started }] of subscribed) await started;
    for (const queue of [QUEUE, 'tidemark.jobs.restore']) {
      await own.channel.deleteQueue(own.names.atBroker(queue));
      const published = await Promise.allSettled([messaging.publish('restoreDoorbell', { jobId: OTHER_JOB })]);
      expect(published).toHaveLength(1);
      await eventually(() => Promise.resolve(messaging.problems().filter((problem) => problem.endsWith(queue))), 1);
    }
    await untilReady();
    await messaging.publish('backupDoorbell', { jobId: JOB });
    await messaging.publish('restoreDoorbell', { jobId: JOB });
    for (const [arrived] of subscribed) while ((await arrived.next()).message.body.jobId !== JOB);
  });

  describe('an exchange that is deleted', () => {
    test('fails what is published then, and is made again', async () => {
      await untilReady();
      await messaging.publish('settled', settled(1));
      await own.channel.deleteExchange(own.names.atBroker('tidemark.reports'));
      await expect(messaging.publish('settled', settled(2))).rejects.toMatchObject({ reason: 'NOT_CONFIRMED' });
      await messaging.publish('settled', settled(3));
      const [reports] = collect(messaging, 'tidemark.reports');
      const fences = (await reports.take(2)).map(({ message }) => message.body.fence);
      expect(fences).toEqual([1, 3]);
    });
  });

  test('a doorbell that no queue takes is told to who rings, and the way is made again', async () => {
    await untilReady();
    await own.channel.unbindQueue(own.names.atBroker(QUEUE), own.names.atBroker('tidemark.jobs'), 'backup');
    const ringing = messaging.publish('backupDoorbell', { jobId: JOB });
    await expect(ringing).rejects.toMatchObject({ reason: 'UNROUTABLE', code: 'BROKER_UNAVAILABLE' });
    const ring = async (): Promise<boolean[]> => {
      const [rung] = await Promise.allSettled([messaging.publish('backupDoorbell', { jobId: JOB })]);
      return rung.status === 'fulfilled' ? [true] : [];
    };
    await eventually(ring, 1);
  });

  test('a full queue refuses, and takes messages again once there is room', async () => {
    const [exchange, queue] = [own.names.atBroker('tidemark.jobs'), own.names.atBroker('tidemark.full')];
    await own.channel.assertQueue(queue, { maxLength: 1, arguments: { 'x-overflow': 'reject-publish' } });
    await own.channel.bindQueue(queue, exchange, 'backup');
    await messaging.publish('backupDoorbell', { jobId: JOB });
    await expect(messaging.publish('backupDoorbell', { jobId: JOB })).rejects.toMatchObject({ reason: 'REFUSED' });
    await own.channel.deleteQueue(queue);
    await messaging.publish('backupDoorbell', { jobId: JOB });
  });

  test('a message-id may come as a header, from tools that cannot set the property', async () => {
    const [arrived] = collect(messaging, 'tidemark.requests');
    const headers = { 'message-id': 'nightly', other: 7, 'x-list': ['a'] };
    own.channel.publish(own.names.atBroker('tidemark.requests'), 'request', Buffer.from('{}'), { headers });
    expect((await arrived.next()).meta.messageId).toBe('nightly');
  });

  test('what comes back too often ends among the dead letters, with the name of its queue; equal ones are replayed one by one', async () => {
    const queue = own.names.atBroker(QUEUE);
    for (let n = 0; n < 2; n++) await messaging.publish('backupDoorbell', { jobId: JOB });
    const giveUp = (): Promise<{ consumerTag: string }> =>
      own.channel.consume(queue, (message) => message && own.channel.nack(message, false, true));
    const { consumerTag } = await giveUp();
    const [letter, equal] = await eventually(() => messaging.deadLetters(10), 2);
    expect(letter).toMatchObject({ queue: QUEUE, route: 'backupDoorbell', reason: 'delivery_limit' });
    expect(letter?.atMicros).toBeGreaterThan((Date.now() - 60_000) * 1000);
    expect(letter?.obstacle).toBeUndefined();
    expect(equal?.id).not.toBe(letter?.id);
    await own.channel.cancel(consumerTag);
    await messaging.replay(equal!.id);
    expect((await messaging.deadLetters(10)).map(({ id }) => id)).toEqual([letter?.id]);
    const [arrived] = collect(messaging, QUEUE);
    expect((await arrived.next()).message.body).toEqual({ jobId: JOB });
  });

  test('a queue that is gone has no state, and the others have theirs; gone dead letters are told as such', async () => {
    await untilReady();
    await own.channel.deleteQueue(own.names.atBroker('tidemark.dead'));
    await messaging.publish('settled', settled(1));
    expect(await messaging.queueStates()).toEqual(
      expect.arrayContaining([
        { queue: 'tidemark.reports', waiting: 1, consumers: 0 },
        { queue: 'tidemark.dead', waiting: null, consumers: null },
      ]),
    );
    await expect(messaging.deadLetters(1)).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
  });

  test('a replay that the broker does not take leaves the letter where it is', async () => {
    messaging.subscribe(QUEUE, () => Promise.reject(new Error('no')));
    await messaging.publish('backupDoorbell', { jobId: JOB });
    const letters = await eventually(() => messaging.deadLetters(10), 1);
    await own.channel.unbindQueue(own.names.atBroker(QUEUE), own.names.atBroker('tidemark.jobs'), 'backup');
    await expect(messaging.replay(letters[0]!.id)).rejects.toMatchObject({ reason: 'UNROUTABLE' });
    expect(await messaging.deadLetters(10)).toEqual(letters);
  });

  describe('a network that is cut', () => {
    let proxy: TcpProxy;
    let far: Messaging;
    beforeEach(async () => {
      const { hostname: host, port } = new URL(testBrokerUrl());
      proxy = await TcpProxy.open({ host, port: Number(port || 5672) });
      far = own.connectTo(proxy.urlOf(testBrokerUrl()), { publishMillis: 3000 });
    });
    afterEach(async () => {
      await far.close();
      await proxy.close();
    });
    const untilFarReady = (): Promise<unknown> =>
      eventually(() => Promise.resolve(far.problems().length === 0 ? [1] : []), 1);

    test('is told as a problem; what is published meanwhile fails within its bound, and all goes on once it is whole', async () => {
      const [arrived, subscription] = collect(far, QUEUE);
      await subscription.started;
      await untilFarReady();
      proxy.cut();
      await eventually(() => Promise.resolve(far.problems()), 2);
      expect(far.problems()).toEqual([
        expect.stringMatching(/^not connected to RabbitMQ/),
        `not subscribed to ${QUEUE}`,
      ]);
      await expect(far.publish('backupDoorbell', { jobId: JOB })).rejects.toMatchObject({ reason: 'NOT_CONNECTED' });
      proxy.mend();
      await untilFarReady();
      await far.publish('settled', settled(1));
      await messaging.publish('backupDoorbell', { jobId: OTHER_JOB });
      expect((await arrived.next()).message.body).toEqual({ jobId: OTHER_JOB });
    });

    test('is outlasted by what was published meanwhile, where its bound is longer', async () => {
      const patient = own.connectTo(proxy.urlOf(testBrokerUrl()), { publishMillis: 20_000 });
      await eventually(() => Promise.resolve(patient.problems().length === 0 ? [1] : []), 1);
      proxy.cut();
      await eventually(() => Promise.resolve(patient.problems()), 1);
      const publishing = patient.publish('settled', settled(7));
      proxy.mend();
      await publishing;
      await patient.close();
      const [reports] = collect(messaging, 'tidemark.reports');
      expect((await reports.next()).message.body).toMatchObject({ fence: 7 });
    });

    test('just as the topology is declared is one more cut', async () => {
      await untilFarReady();
      const cut = proxy.cutWhenSaid(own.names.atBroker('tidemark.jobs'));
      proxy.cut();
      proxy.mend();
      await cut;
      await untilFarReady();
      await far.publish('settled', settled(1));
    });

    test('brings a message that was in hand to somebody else', async () => {
      const taken = inbox<string>();
      const ended = Promise.withResolvers<undefined>();
      far.subscribe(QUEUE, async ({ body }) => {
        taken.put(body.jobId);
        await ended.promise;
      });
      await messaging.publish('backupDoorbell', { jobId: JOB });
      await taken.next();
      const [elsewhere] = collect(messaging, QUEUE);
      proxy.cut();
      expect((await elsewhere.next()).meta.redelivered).toBe(true);
      ended.resolve(undefined);
    });

    test('that swallows everything fails what is published as not confirmed', async () => {
      await untilFarReady();
      await far.publish('settled', settled(1));
      proxy.swallow();
      await expect(far.publish('settled', settled(2))).rejects.toMatchObject({ reason: 'NOT_CONFIRMED' });
    });

    test('holds no more than a bound: what is over it is refused at once', async () => {
      await untilFarReady();
      await far.publish('settled', settled(1));
      proxy.swallow();
      const outcomes = await Promise.allSettled(
        Array.from({ length: 1100 }, (_, fence) => far.publish('settled', settled(fence + 1))),
      );
      const reasons = outcomes.map((outcome) =>
        outcome.status === 'rejected' ? (outcome.reason as { reason: string }).reason : 'none',
      );
      expect(reasons.filter((reason) => reason === 'OVERLOADED')).toHaveLength(100);
      expect(reasons.filter((reason) => reason === 'NOT_CONFIRMED')).toHaveLength(1000);
    });

    test('and what is given up then is not kept, however long it lasts', async () => {
      await untilFarReady();
      const hasty = own.connectTo(proxy.urlOf(testBrokerUrl()), { publishMillis: 1 });
      proxy.cut();
      const before = await bytesKept();
      for (let round = 0; round < 40; round++) {
        const published = Array.from({ length: 100 }, (_, n) => hasty.publish('request', `${n}`.padEnd(50_000)));
        for (const { status } of await Promise.allSettled(published)) expect(status).toBe('rejected');
      }
      expect((await bytesKept()) - before).toBeLessThan(20_000_000);
      await hasty.close();
    });

    test('that swallows everything leaves no question open', async () => {
      await untilFarReady();
      proxy.swallow();
      await expect(far.queueStates()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
    });

    test('just as a connection opens that is not wanted any more is nobody’s end', async () => {
      const cut = proxy.cutWhenSaid('Cheers, thanks');
      const leaving = own.connectTo(proxy.urlOf(testBrokerUrl()));
      for (let begun = 0; begun < 2; begun++) await turn();
      await Promise.all([leaving.close(), cut]);
      await untilFarReady();
      await far.publish('settled', settled(1));
    });

    test('does not keep anybody from closing', async () => {
      await untilFarReady();
      proxy.swallow();
      await far.close();
      expect(far.problems()).toEqual(['messaging is closed']);
    });
  });
});
