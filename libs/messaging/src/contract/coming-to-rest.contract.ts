import { describe, expect, test } from '@jest/globals';

import type { MessageMeta, Subscription } from '../messaging.js';
import { collect, hold, inbox, type Bench } from './harness.contract.js';
import { JOB, OTHER_JOB, settled } from './samples.contract.js';

export function describeComingToRest(bench: Bench): void {
  describe('coming to rest', () => {
    test('a paused subscriber starts nothing until it resumes; others go on', async () => {
      const pausing = bench.connect();
      const [arrived, subscription] = collect(pausing, 'tidemark.jobs.backup', { concurrency: 1, prefetch: 5 });
      await subscription.started;
      await subscription.pause();
      await pausing.publish('backupDoorbell', { jobId: JOB });
      const other = bench.connect();
      const [elsewhere, otherSubscription] = collect(other, 'tidemark.jobs.backup');
      expect((await elsewhere.next()).message.body).toEqual({ jobId: JOB });
      await otherSubscription.close();
      expect(arrived.size()).toBe(0);
      expect(pausing.problems()).toEqual([]);

      await pausing.publish('backupDoorbell', { jobId: OTHER_JOB });
      await subscription.resume();
      expect((await arrived.next()).message.body).toEqual({ jobId: OTHER_JOB });
    });

    test('a handler may pause its own subscription and still have its message acknowledged', async () => {
      const messaging = bench.connect();
      const handled = inbox<string>();
      const subscription: Subscription = messaging.subscribe('tidemark.jobs.backup', async ({ body }) => {
        await subscription.pause();
        handled.put(body.jobId);
      });
      await messaging.publish('backupDoorbell', { jobId: JOB });
      await messaging.publish('backupDoorbell', { jobId: OTHER_JOB });
      expect(await handled.next()).toBe(JOB);
      await subscription.resume();
      expect(await handled.next()).toBe(OTHER_JOB);
    });

    test('closing waits for the running handler, which can still publish', async () => {
      const closing = bench.connect();
      const held = hold();
      const started = inbox<string>();
      closing.subscribe('tidemark.jobs.backup', async ({ body }, { signal }) => {
        started.put(body.jobId);
        await held.released;
        expect(signal.aborted).toBe(false);
        await closing.publish('settled', settled(1));
      });
      await closing.publish('backupDoorbell', { jobId: JOB });
      await started.next();
      const closed = closing.close();
      held.release();
      await closed;
      const after = bench.connect();
      const [reports] = collect(after, 'tidemark.reports');
      expect((await reports.next()).message.route).toBe('settled');
      await after.publish('backupDoorbell', { jobId: OTHER_JOB });
      const [doorbells] = collect(after, 'tidemark.jobs.backup');
      expect((await doorbells.next()).message.body).toEqual({ jobId: OTHER_JOB });
    });

    test('what is not handled within the bound is told so and comes again elsewhere', async () => {
      const closing = bench.connect({ drainMillis: 20 });
      const held = hold();
      const metas = inbox<MessageMeta>();
      closing.subscribe('tidemark.jobs.backup', async (_, meta) => {
        metas.put(meta);
        await held.released;
        throw new Error('too late to matter');
      });
      await closing.publish('backupDoorbell', { jobId: JOB }, { messageId: 'again' });
      const { signal } = await metas.next();
      await closing.close();
      expect(signal.aborted).toBe(true);
      const after = bench.connect();
      const [arrived] = collect(after, 'tidemark.jobs.backup');
      expect((await arrived.next()).meta).toMatchObject({ messageId: 'again', redelivered: true });
      held.release();
      expect(await after.deadLetters(10)).toEqual([]);
    });

    test('it says whether it works, and refuses to once it is closed', async () => {
      const messaging = bench.connect();
      const [, subscription] = collect(messaging, 'tidemark.reports');
      await subscription.started;
      expect(messaging.problems()).toEqual([]);
      await messaging.close();
      expect(messaging.problems()).toEqual(['messaging is closed']);
      const publishing = messaging.publish('backupDoorbell', { jobId: JOB });
      await expect(publishing).rejects.toMatchObject({ reason: 'CLOSED' });
      await messaging.close();
    });
  });
}
