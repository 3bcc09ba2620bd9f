import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BACKUP_KIND, jobSchema, RESTORE_KIND, type Job } from '@tidemark/contracts';
import type { DeadLetter } from '@tidemark/messaging';

import { GatewayFixture } from '../gateway.fixture.test.js';

const REPLY = 'reply.of-the-night-shift';

let fixture: GatewayFixture;
const waiting = new Map<string, (answer: unknown) => void>();
beforeAll(async () => {
  fixture = await GatewayFixture.open();
  fixture.broker.openReplyQueue(REPLY, (delivery) => {
    const { correlationId = '', body } = delivery.message;
    waiting.get(correlationId)?.(JSON.parse(body.toString()));
    delivery.ack();
  });
});
afterAll(() => fixture.close());

const backup = (fields: object = {}): string =>
  JSON.stringify({ kind: BACKUP_KIND, destination: fixture.destination(), ...fields });

/** Sends the body and waits for the answer. */
async function ask(body: string, messageId?: string): Promise<unknown> {
  const correlationId = randomUUID();
  const { promise, resolve } = Promise.withResolvers<unknown>();
  waiting.set(correlationId, resolve);
  const options = { correlationId, replyTo: REPLY, ...(messageId === undefined ? {} : { messageId }) };
  await fixture.outside.publish('request', body, options);
  return await promise;
}

/** Sends a body that cannot be handled, and one after it that can; the dead letter of the first is there then. */
async function deadLetterOf(
  body: string,
  options: { messageId?: string; replyTo?: string },
): Promise<DeadLetter | undefined> {
  const before = await fixture.outside.deadLetters(1000);
  await fixture.outside.publish('request', body, options);
  for (;;) {
    const letters = await fixture.outside.deadLetters(1000);
    if (letters.length > before.length) return letters.at(-1);
    await ask('');
  }
}

describe('a request over the queue', () => {
  test('becomes a job, as a PATCH would, and is answered with it', async () => {
    const job = jobSchema.parse(await ask(backup(), 'nightly-1'));
    expect(job).toMatchObject({ operation: 'BACKUP', state: 'QUEUED', attempt: 0 });
    expect(await fixture.job(job.id)).toEqual(job);
  });

  test('that comes again is the same job; with another body it is refused', async () => {
    const first = (await ask(backup(), 'nightly-2')) as Job;
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(backup(), 'nightly-2')));
    expect(new Set(answers.map((answer) => (answer as Job).id))).toEqual(new Set([first.id]));
    expect(await ask(backup({ kind: RESTORE_KIND }), 'nightly-2')).toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
      statusCode: 409,
    });
  });

  test('without a reply-to becomes a job all the same', async () => {
    const event = await fixture.nextEvent('job.backup.cancelled');
    await fixture.outside.publish('request', backup({ destination: fixture.destination('silent.zip') }), {
      messageId: 'nightly-3',
    });
    const { id } = (await ask(backup({ destination: fixture.destination('silent.zip') }), 'nightly-3')) as Job;
    await fixture.ask({ method: 'DELETE', path: `/core/management/jobs/${id}` });
    expect((await event.job).id).toBe(id);
  });

  test.each([
    ['nothing', '', 'BODY_EMPTY'],
    ['no JSON', '{"kind":', 'BODY_UNPARSEABLE'],
    ['no kind', '{}', 'KIND_REQUIRED'],
    [
      'a destination that is not allowed',
      JSON.stringify({ kind: BACKUP_KIND, destination: 'file:/etc/a.zip' }),
      'DESTINATION_NOT_ALLOWED',
    ],
  ])('with %s is answered with what is wrong', async (_what, body, code) => {
    expect(await ask(body, randomUUID())).toMatchObject({
      code,
      documentKind: 'com:vmware:xenon:common:ServiceErrorResponse',
    });
  });

  test.each([[undefined], ['a\tb'], ['x'.repeat(201)]])('needs a message-id that is a key: %j', async (messageId) => {
    const { jobs: before } = { jobs: await jobCount() };
    const answer = await ask(backup(), messageId);
    expect(answer).toMatchObject({ code: 'PARAMETER_INVALID' });
    expect((answer as { message: string }).message).toMatch(/^message-id /);
    expect(await jobCount()).toBe(before);
  });

  test('that is wrong and waits for no answer is a dead letter, which says why', async () => {
    const letter = await deadLetterOf('{"kind":"Backup","bearer":"s3cret"}', { messageId: 'm' });
    expect(letter).toMatchObject({ queue: 'tidemark.requests', reason: 'unknown request', messageId: 'm' });
    expect(letter?.body).not.toContain('s3cret');
  });

  test.each(['tidemark.jobs.backup', 'amq.fanout', 'reply'])(
    'is answered nowhere else, and not heeded: reply-to %s',
    async (replyTo) => {
      const before = await jobCount();
      const letter = await deadLetterOf(backup(), { messageId: randomUUID(), replyTo });
      expect(letter?.reason).toMatch(/^reply-to must be/);
      expect(await jobCount()).toBe(before);
    },
  );

  test('whose asker is gone becomes a job', async () => {
    await fixture.outside.publish('request', backup(), { messageId: 'nightly-9', replyTo: 'reply.gone' });
    const again = (await ask(backup(), 'nightly-9')) as Job;
    expect((await fixture.job(again.id)).state).toBe('QUEUED');
  });
});

async function jobCount(): Promise<number> {
  const { text } = await fixture.ask({ path: '/core/management/jobs?$limit=1000' });
  return (JSON.parse(text) as { documentCount: number }).documentCount;
}
