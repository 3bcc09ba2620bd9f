import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { editedBytes, fuzz, outcomeOf } from '@tidemark/testing';

import type { StoredMessage } from './broker-connection.js';
import { decode, encode } from './codec.js';
import { readDeadLetter, toDeadLetter } from './dead-letter.js';
import { LetterIds } from './letter-ids.js';
import { wayBack } from './replay.js';
import { MAX_MESSAGE_BYTES, QUEUES, ROUTES, type QueueName, type RouteName } from './topology.js';

const jobId = '01890a5d-ac96-774b-bcce-b302099a8057';
const bodies = [
  { jobId },
  { jobId, fence: 1, phase: 'PARTS', progress: null },
  { jobId, fence: 2, outcome: { state: 'CANCELLED' } },
  { jobId, fence: 2, outcome: { state: 'FAILED', error: { code: 'INTERNAL', message: 'm', retriable: true } } },
  { kind: 'k', bearer: 's3cret-s3cret', destination: 'https://me:s3cret@h/a?s3cret' },
];
const pieces = [
  '"__proto__":{"x":1},',
  '"constructor":{},',
  '{',
  '}',
  '"',
  '\\',
  '[['.repeat(9000),
  '\ufeff',
  'Bearer ',
];
const body = fc.oneof(
  {
    weight: 2000,
    arbitrary: editedBytes(
      bodies.map((each) => Buffer.from(JSON.stringify(each))),
      pieces.map((each) => Buffer.from(each)),
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('x', 'a.', 'amqp://', '[')
      .map((each) => Buffer.from(each.repeat(MAX_MESSAGE_BYTES + 1))),
  },
);
const odd = fc.constantFrom(
  'constructor',
  '__proto__',
  'WHOLE',
  'MASKED',
  'tidemark.jobs.backup',
  'tidemark.reports',
  'x'.repeat(9000),
  '',
  '\0',
);
const headers = fc
  .array(
    fc.tuple(
      fc.constantFrom('x-tidemark-kept', 'x-tidemark-queue', 'x-tidemark-id', 'x-first-death-queue', '__proto__'),
      odd,
    ),
  )
  .map((entries) => Object.fromEntries(entries));
const key = fc.oneof(fc.constantFrom('backup', 'restore', 'progress', 'settled', 'request'), odd);
const messages: fc.Arbitrary<StoredMessage> = fc.record({
  key,
  body,
  headers,
  contentType: fc.option(odd, { nil: undefined }),
  messageId: fc.option(odd, { nil: undefined }),
  correlationId: fc.constant(undefined),
  replyTo: fc.option(odd, { nil: undefined }),
});

test('a message is one of its route or is refused with a reason, and then can be shown', async () => {
  const queues = fc.constantFrom(...(Object.keys(QUEUES) as QueueName[]));
  await fuzz('message', fc.tuple(queues, messages), async ([queue, message]) => {
    const routes: readonly RouteName[] = QUEUES[queue];
    const outcome = await outcomeOf(() => decode(routes, message));
    if ('code' in outcome) throw new Error('no message is an error');
    const decoded = outcome.value;
    if ('refused' in decoded) {
      expect(decoded.refused).not.toContain('s3cret');
      expectLetter(queue, message, decoded.refused);
      return { code: 'NOT_REPLAYABLE' };
    }
    const { route, body: value } = decoded.message;
    expect(routes).toContain(route);
    expect(decode(routes, { ...message, ...asStored(encode(route, value as never)) })).toEqual(decoded);
    return outcome;
  });
});

function asStored({ key: written, bytes }: { key: string; bytes: Buffer }): Pick<StoredMessage, 'key' | 'body'> {
  return { key: written, body: bytes };
}

function expectLetter(queue: QueueName, message: StoredMessage, reason: string): void {
  const letter = toDeadLetter({ queue, message, reason, refused: true, atMicros: 1 });
  expect(letter.body.length).toBeLessThanOrEqual(1024);
  for (const each of [letter, message]) {
    const shown = readDeadLetter(new LetterIds().next(each), each);
    expect(JSON.parse(JSON.stringify(shown))).toMatchObject({ id: expect.stringMatching(/^[\w-]{1,64}$/) as unknown });
    const { route, obstacle } = wayBack(each);
    expect([undefined, ...Object.keys(ROUTES)]).toContain(route);
    expect(['string', 'undefined']).toContain(typeof obstacle);
    expect(route === undefined ? typeof obstacle : 'string').toBe('string');
  }
}
