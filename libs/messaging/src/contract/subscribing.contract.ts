import { randomUUID } from 'node:crypto';

import { describe, expect, test } from '@jest/globals';

import { collect, hold, inbox, type Bench } from './harness.contract.js';
import { job, JOB, OTHER_JOB } from './samples.contract.js';

export function describeSubscribing(bench: Bench): void {
  describe('subscribers', () => {
    test('share a queue: each message is handled once', async () => {
      const handled = inbox<string>();
      const subscribers = [bench.connect(), bench.connect()];
      for (const messaging of subscribers) {
        messaging.subscribe('tidemark.jobs.backup', ({ body }) => handled.accept(body.jobId), { concurrency: 3 });
      }
      const ids = Array.from({ length: 50 }, () => randomUUID());
      await Promise.all(ids.map((jobId) => subscribers[0]!.publish('backupDoorbell', { jobId })));
      expect((await handled.take(ids.length)).sort()).toEqual(ids.sort());
    });

    test('one that is busy leaves the rest to another', async () => {
      const busy = bench.connect();
      const held = hold();
      const started = inbox<string>();
      busy.subscribe('tidemark.jobs.backup', async ({ body }) => {
        started.put(body.jobId);
        await held.released;
      });
      await busy.publish('backupDoorbell', { jobId: JOB });
      await started.next();
      const [arrived] = collect(bench.connect(), 'tidemark.jobs.backup');
      await busy.publish('backupDoorbell', { jobId: OTHER_JOB });
      await busy.publish('backupDoorbell', { jobId: OTHER_JOB });
      await arrived.take(2);
      held.release();
    });

    test('run as many handlers at a time as they were told, and not more', async () => {
      const messaging = bench.connect();
      let running = 0;
      let most = 0;
      const started = inbox<number>();
      const gates = Array.from({ length: 9 }, hold);
      const waiting = [...gates];
      const work = async (): Promise<void> => {
        most = Math.max(most, ++running);
        started.put(running);
        await waiting.shift()?.released;
        running--;
      };
      messaging.subscribe('tidemark.jobs.backup', work, { concurrency: 3, prefetch: 9 });
      await Promise.all(gates.map(() => messaging.publish('backupDoorbell', { jobId: JOB })));
      await started.take(3);
      for (const [index, gate] of gates.entries()) {
        gate.release();
        if (index < 6) await started.next();
      }
      expect(most).toBe(3);
    });

    test('hear of events by topic, each its own copy', async () => {
      const messaging = bench.connect();
      const patterns = ['#', 'job.*.succeeded', 'job.backup.*', 'job.restore.#'];
      const inboxes = patterns.map(() => inbox<string>());
      const subscriptions = patterns.map((pattern, index) =>
        bench.connect().observe(pattern, ({ body }) => inboxes[index]!.accept(`${body.operation} ${body.state}`)),
      );
      await Promise.all(subscriptions.map(({ started }) => started));
      const events = [job('BACKUP', 'QUEUED'), job('RESTORE', 'SUCCEEDED'), job('BACKUP', 'SUCCEEDED')];
      for (const event of events) await messaging.publish('jobEvent', event);
      await messaging.publish('jobEvent', job('RESTORE', 'FAILED'));
      expect(await inboxes[0]!.take(4)).toHaveLength(4);
      expect(await inboxes[1]!.take(2)).toEqual(['RESTORE SUCCEEDED', 'BACKUP SUCCEEDED']);
      expect(await inboxes[2]!.take(2)).toEqual(['BACKUP QUEUED', 'BACKUP SUCCEEDED']);
      expect(await inboxes[3]!.take(2)).toEqual(['RESTORE SUCCEEDED', 'RESTORE FAILED']);
    });

    test('an event that nobody wants is no error', async () => {
      await bench.connect().publish('jobEvent', job('BACKUP', 'FAILED'));
    });
  });
}
