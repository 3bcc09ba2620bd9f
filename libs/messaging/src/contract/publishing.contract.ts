import { randomUUID } from 'node:crypto';

import { describe, expect, test } from '@jest/globals';

import { NotPublishedError } from '../not-published-error.js';
import { collect, inbox, type Answer, type Bench } from './harness.contract.js';
import { JOB, progress, settled } from './samples.contract.js';

export function describePublishing(bench: Bench): void {
  describe('publishing', () => {
    test('a message reaches its handler whole, with what was said about it', async () => {
      const messaging = bench.connect();
      const [arrived] = collect(messaging, 'tidemark.jobs.backup');
      const options = { messageId: 'm-1', correlationId: 'c-1', replyTo: 'reply.me' };
      await messaging.publish('backupDoorbell', { jobId: JOB }, options);
      const { message, meta } = await arrived.next();
      expect(message).toEqual({ route: 'backupDoorbell', body: { jobId: JOB } });
      expect(meta).toMatchObject({ ...options, redelivered: false });
      expect(meta.signal.aborted).toBe(false);
    });

    test('what is published before anybody subscribes waits', async () => {
      await bench.connect().publish('restoreDoorbell', { jobId: JOB });
      const [arrived] = collect(bench.connect(), 'tidemark.jobs.restore');
      expect((await arrived.next()).message.body).toEqual({ jobId: JOB });
    });

    test('only the fields of the schema leave the process', async () => {
      const messaging = bench.connect();
      const [arrived] = collect(messaging, 'tidemark.jobs.backup');
      const body = { jobId: JOB, bearer: 'secret' };
      await messaging.publish('backupDoorbell', body);
      expect((await arrived.next()).message.body).toEqual({ jobId: JOB });
    });

    test('a body that is not of its schema is not published', async () => {
      const publishing = bench.connect().publish('backupDoorbell', { jobId: 'not a uuid' });
      await expect(publishing).rejects.toMatchObject({ constructor: NotPublishedError, reason: 'INVALID' });
    });

    test('a request is handed over as it was written, JSON or not', async () => {
      const messaging = bench.connect();
      const [arrived] = collect(messaging, 'tidemark.requests');
      await messaging.publish('request', '{"kind": 1e400,', { messageId: 'm' });
      expect((await arrived.next()).message.body).toBe('{"kind": 1e400,');
    });

    test('two kinds of messages on one queue keep their order and are told apart', async () => {
      const messaging = bench.connect();
      for (let fence = 1; fence <= 20; fence++) {
        await messaging.publish('progress', progress(fence));
        await messaging.publish('settled', settled(fence));
      }
      const [arrived] = collect(messaging, 'tidemark.reports', { prefetch: 10 });
      const seen = await arrived.take(40);
      expect(seen.map(({ message }) => [message.route, message.body.fence])).toEqual(
        Array.from({ length: 40 }, (_, index) => [index % 2 ? 'settled' : 'progress', 1 + Math.floor(index / 2)]),
      );
    });

    test('an aborted signal ends a publish with its reason', async () => {
      const reason = new Error('changed my mind');
      const publishing = bench
        .connect()
        .publish('backupDoorbell', { jobId: JOB }, { signal: AbortSignal.abort(reason) });
      await expect(publishing).rejects.toBe(reason);
    });
  });

  describe('answering', () => {
    test('an answer reaches the queue it is for', async () => {
      const answers = inbox<Answer>();
      const replyTo = `reply.${randomUUID()}`;
      await bench.harness().openReplyQueue(replyTo, (answer) => answers.put(answer));
      const messaging = bench.connect();
      messaging.subscribe('tidemark.requests', async (_, meta) => {
        await messaging.reply(meta.replyTo!, { code: 'BODY_EMPTY' }, { correlationId: meta.correlationId! });
      });
      await messaging.publish('request', '', { messageId: 'm', correlationId: 'c-9', replyTo });
      expect(await answers.next()).toEqual({ body: '{"code":"BODY_EMPTY"}', correlationId: 'c-9' });
    });

    test('an answer to nobody is unroutable', async () => {
      const replying = bench.connect().reply('reply.gone', {});
      await expect(replying).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE', reason: 'UNROUTABLE' });
    });

    test.each(['tidemark.jobs.backup', 'tidemark.dead', '', 'reply', 'replyx.a', 'amq.rabbitmq.trace'])(
      'an answer is not sent to "%s"',
      async (address) => {
        await expect(bench.connect().reply(address, {})).rejects.toMatchObject({ reason: 'INVALID' });
      },
    );
  });
}
