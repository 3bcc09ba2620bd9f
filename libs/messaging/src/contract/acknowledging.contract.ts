import { describe, expect, test } from '@jest/globals';

import { collect, eventually, inbox, type Bench } from './harness.contract.js';
import { JOB, OTHER_JOB } from './samples.contract.js';

export function describeAcknowledging(bench: Bench): void {
  describe('acknowledging', () => {
    test('a handled message does not come again', async () => {
      const first = bench.connect();
      const [arrived] = collect(first, 'tidemark.jobs.backup');
      await first.publish('backupDoorbell', { jobId: JOB });
      await arrived.next();
      await first.close();
      const second = bench.connect();
      await second.publish('backupDoorbell', { jobId: OTHER_JOB });
      const [later] = collect(second, 'tidemark.jobs.backup');
      expect((await later.next()).message.body).toEqual({ jobId: OTHER_JOB });
    });

    test('a handler that throws makes a dead letter, and the next message comes', async () => {
      const messaging = bench.connect();
      const handled = inbox<string>();
      messaging.subscribe('tidemark.jobs.backup', async ({ body }) => {
        if (body.jobId === JOB) throw new Error('no such job');
        return handled.accept(body.jobId);
      });
      await messaging.publish('backupDoorbell', { jobId: JOB }, { messageId: 'm-7' });
      await messaging.publish('backupDoorbell', { jobId: OTHER_JOB });
      expect(await handled.next()).toBe(OTHER_JOB);
      expect(await messaging.deadLetters(10)).toEqual([
        {
          id: expect.stringMatching(/^[0-9a-f-]{36}$/),
          queue: 'tidemark.jobs.backup',
          route: 'backupDoorbell',
          reason: 'no such job',
          body: JSON.stringify({ jobId: JOB }),
          messageId: 'm-7',
          atMicros: expect.any(Number),
        },
      ]);
    });

    test.each([
      ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'not UTF-8'],
      ['not JSON', Buffer.from('{"jobId":'), 'not JSON'],
      ['empty', Buffer.alloc(0), 'not JSON'],
      ['not of the schema', Buffer.from('{"jobId":"x"}'), 'not of its schema: jobId: '],
      ['far too large', Buffer.alloc(1024 * 1024 + 1, 'x'), 'it has 1048577 bytes'],
      ['long garbage', Buffer.alloc(5000, 'y'), 'not JSON'],
    ])('a body that is %s is dead without reaching a handler', async (_, body, reason) => {
      const messaging = bench.connect();
      const [arrived] = collect(messaging, 'tidemark.jobs.restore');
      await bench.harness().inject({ exchange: 'tidemark.jobs', key: 'restore', body, messageId: 'garbage' });
      await messaging.publish('restoreDoorbell', { jobId: JOB });
      expect((await arrived.next()).message.body).toEqual({ jobId: JOB });
      const [dead, ...others] = await messaging.deadLetters(10);
      expect(others).toEqual([]);
      expect(dead).toMatchObject({ queue: 'tidemark.jobs.restore', messageId: 'garbage' });
      expect(dead?.reason.startsWith(reason)).toBe(true);
      expect(dead?.body).toBe(body.subarray(0, 1024).toString('utf8'));
    });

    test('of a body that is no JSON only the beginning is kept, where its handler finds that out', async () => {
      const messaging = bench.connect();
      messaging.subscribe('tidemark.requests', () => Promise.reject(new Error('no JSON')));
      await messaging.publish('request', `{"bearer":s3cret,${'x'.repeat(5000)}`);
      const [letter] = await eventually(() => messaging.deadLetters(10), 1);
      expect(letter?.body).toBe(`{"bearer":***,${'x'.repeat(5000)}`.slice(0, 1024));
    });

    test('a dead letter shows no secrets', async () => {
      const messaging = bench.connect();
      messaging.subscribe('tidemark.requests', () => Promise.reject(new Error('no: https://h/a?sig=s3cret4')));
      const request = { destination: 'https://u:s3cret1@host/a.zip?sig=s3cret2', bearer: 's3cret3', kept: 1 };
      await messaging.publish('request', JSON.stringify(request).replace('bearer', '\\u0062earer'));
      await messaging.publish('request', `${JSON.stringify(request)}]`);
      const letters = await eventually(() => messaging.deadLetters(10), 2);
      for (const letter of letters) {
        expect(JSON.stringify(letter)).not.toContain('s3cret');
        expect(letter.body).toContain('***');
        expect(letter.body).toContain('"kept":1');
      }
    });
  });
}
