import { describe, expect, test } from '@jest/globals';

import type { DeadLetter } from '../dead-letter.js';
import type { Messaging } from '../messaging.js';
import { DELIVERY_LIMIT } from '../topology.js';
import { collect, eventually, hold, inbox, type Bench } from './harness.contract.js';
import { job, JOB, OTHER_JOB, settled } from './samples.contract.js';

export function describeDeadLetters(bench: Bench): void {
  const die = async (messaging: Messaging, count: number): Promise<readonly DeadLetter[]> => {
    const subscription = messaging.subscribe('tidemark.jobs.backup', () => Promise.reject(new Error('not today')));
    for (let n = 0; n < count; n++) await messaging.publish('backupDoorbell', { jobId: JOB }, { messageId: `m-${n}` });
    const letters = await eventually(() => messaging.deadLetters(1000), count);
    await subscription.close();
    return letters;
  };
  /** Only who is connected can ask. */
  const connected = async (): Promise<Messaging> => {
    const messaging = bench.connect();
    await messaging.publish('jobEvent', job('BACKUP', 'FAILED'));
    return messaging;
  };
  const injectDead = (body: string): Promise<void> =>
    bench.harness().inject({ exchange: 'tidemark.dead', key: 'any', body: Buffer.from(body) });

  describe('dead letters', () => {
    test('stay where they are, in their order and under their ids, however often they are looked at', async () => {
      const messaging = bench.connect();
      const letters = await die(messaging, 30);
      expect(new Set(letters.map(({ id }) => id)).size).toBe(30);
      expect(letters.map(({ messageId }) => messageId)).toEqual(letters.map((_, n) => `m-${n}`));
      for (let looks = 0; looks < 2 * DELIVERY_LIMIT; looks++) {
        const limit = 1 + (looks % 30);
        expect(await messaging.deadLetters(limit)).toEqual(letters.slice(0, limit));
      }
      expect(await (await connected()).deadLetters(100)).toEqual(letters);
    });

    test('are seen by two who look at the same time', async () => {
      const messaging = bench.connect();
      const letters = await die(messaging, 5);
      const looks = await Promise.all([1, 2, 3].map(() => messaging.deadLetters(100)));
      expect(looks).toEqual([letters, letters, letters]);
    });

    test('that are equal are two, and the list ends where they are large', async () => {
      const messaging = await connected();
      for (const body of ['same', 'other', 'same']) await injectDead(body);
      const letters = await messaging.deadLetters(10);
      expect(letters.map(({ body }) => body).sort()).toEqual(['other', 'same', 'same']);
      const [first, second] = letters.filter(({ body }) => body === 'same').map(({ id }) => id);
      expect(second).toBe(`${first}.2`);
      for (let n = 0; n < 6; n++) await injectDead('x'.repeat(1024 * 1024));
      const large = await messaging.deadLetters(100);
      expect(large.length).toBeGreaterThanOrEqual(4);
      expect(large.length).toBeLessThan(3 + 6);
    });
  });

  describe('a replay', () => {
    test('brings the message to its queue as it was, and the letter is gone; the others stay', async () => {
      const messaging = bench.connect();
      const letters = await die(messaging, 4);
      const [first, second, third, fourth] = letters;
      expect(second).toMatchObject({ route: 'backupDoorbell', reason: 'not today', obstacle: undefined });
      expect(await messaging.replay(second!.id)).toEqual(second);
      const [arrived] = collect(messaging, 'tidemark.jobs.backup');
      const { message, meta } = await arrived.next();
      expect(message.body).toEqual({ jobId: JOB });
      expect(meta).toMatchObject({ messageId: 'm-1', redelivered: false });
      expect(await messaging.deadLetters(10)).toEqual([first, third, fourth]);
      await expect(messaging.replay(second!.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    test('finds its way by the queue and the key: an outcome stays an outcome, with where to answer', async () => {
      const messaging = bench.connect();
      const refusing = messaging.subscribe('tidemark.reports', () => Promise.reject(new Error('no')));
      const options = { correlationId: 'c-1', replyTo: 'reply.me' };
      await messaging.publish('settled', settled(7), options);
      const [letter] = await eventually(() => messaging.deadLetters(10), 1);
      await refusing.close();
      expect(letter).toMatchObject({ route: 'settled', queue: 'tidemark.reports' });
      await messaging.replay(letter!.id);
      const [arrived] = collect(messaging, 'tidemark.reports');
      const { message, meta } = await arrived.next();
      expect(message).toEqual({ route: 'settled', body: settled(7) });
      expect(meta).toMatchObject(options);
    });

    test('whose message dies again leaves a letter of another id', async () => {
      const messaging = bench.connect();
      const [letter] = await die(messaging, 1);
      await messaging.replay(letter!.id);
      const [again, ...others] = await die(messaging, 1);
      expect(again).toMatchObject({ messageId: 'm-0', reason: 'not today' });
      expect(again!.id).not.toBe(letter!.id);
      expect(others.length).toBeLessThanOrEqual(1);
    });

    test('asked for twice at once is one', async () => {
      const messaging = bench.connect();
      const [letter] = await die(messaging, 1);
      const replays = await Promise.allSettled([messaging.replay(letter!.id), messaging.replay(letter!.id)]);
      expect(replays.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const [arrived] = collect(messaging, 'tidemark.jobs.backup');
      await messaging.publish('backupDoorbell', { jobId: OTHER_JOB });
      expect((await arrived.take(2)).map(({ message }) => message.body.jobId)).toEqual([JOB, OTHER_JOB]);
    });

    test.each([
      ['masked', '{"bearer":"s3cret","kind":"x"}', 'its secrets were masked when it died'],
      ['cut', 'x'.repeat(2000), 'only the beginning of its body was kept'],
    ])('of a body that was %s is refused, and it stays', async (_how, body, obstacle) => {
      const messaging = bench.connect();
      messaging.subscribe('tidemark.requests', () => Promise.reject(new Error('no')));
      await messaging.publish('request', body);
      const [letter] = await eventually(() => messaging.deadLetters(10), 1);
      expect(letter).toMatchObject({ obstacle });
      const message = `the dead letter ${letter!.id} cannot be replayed: ${obstacle}`;
      await expect(messaging.replay(letter!.id)).rejects.toMatchObject({ code: 'NOT_REPLAYABLE', message });
      expect(await messaging.deadLetters(10)).toEqual([letter]);
    });

    test('of what came from no queue of work, of an unknown key and of bytes that were no text is refused', async () => {
      const messaging = await connected();
      await injectDead('of somebody else');
      const [, subscription] = collect(messaging, 'tidemark.reports');
      const inject = (key: string, body: Buffer): Promise<void> =>
        bench.harness().inject({ exchange: 'tidemark.reports', key, body });
      await inject('settled', Buffer.from([0x7b, 0xff, 0x7d]));
      const letters = await eventually(() => messaging.deadLetters(10), 2);
      await subscription.close();
      expect(letters.map(({ obstacle }) => obstacle)).toEqual([
        'its body was not UTF-8 and was not kept as it was',
        '"unknown" is no queue of work',
      ]);
      for (const { id } of letters) {
        await expect(messaging.replay(id)).rejects.toMatchObject({ code: 'NOT_REPLAYABLE' });
      }
      await expect(messaging.replay('nobody')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });
  });

  test('the state of the queues: what waits, and who consumes', async () => {
    const messaging = await connected();
    const stateOf = async (queue: string): Promise<unknown> =>
      (await messaging.queueStates()).find((state) => state.queue === queue);
    expect((await messaging.queueStates()).map(({ queue }) => queue)).toEqual([
      'tidemark.requests',
      'tidemark.jobs.backup',
      'tidemark.jobs.restore',
      'tidemark.reports',
      'tidemark.dead',
    ]);
    for (const jobId of [JOB, OTHER_JOB]) await messaging.publish('restoreDoorbell', { jobId });
    expect(await stateOf('tidemark.jobs.restore')).toMatchObject({ waiting: 2, consumers: 0 });
    const held = hold();
    const begun = inbox<string>();
    const subscription = messaging.subscribe('tidemark.jobs.restore', async ({ body }) => {
      begun.put(body.jobId);
      await held.released;
    });
    await subscription.started;
    await begun.next();
    expect(await stateOf('tidemark.jobs.restore')).toMatchObject({ waiting: 1, consumers: 1 });
    held.release();
    await injectDead('x');
    expect(await stateOf('tidemark.dead')).toMatchObject({ waiting: 1, consumers: 0 });
  });
}
