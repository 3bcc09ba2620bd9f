import { randomUUID } from 'node:crypto';

import { BACKUP_KIND, type PublishedMessage } from '@tidemark/testing';

/** Stands for a secret that somebody has sent; nobody may see it among the dead letters. */
export const SECRET = 'c4nary-c4nary-c4nary';

/** What is wrong with it, the message, and the reason that its dead letter gives. */
export type Garbage = readonly [what: string, message: PublishedMessage, reason: RegExp | string];

const LARGE = `{"bearer":"${SECRET}","text":"${'x'.repeat(2 * 1024 * 1024)}"}`;
const NOT_UTF_8 = Buffer.concat([Buffer.from(`{"bearer":"${SECRET}"`), Buffer.from([0xff, 0x7d])]);

/** Neither a doorbell nor a report. */
export const NO_JSON_MESSAGE: readonly Garbage[] = [
  ['nothing', { body: '' }, 'not JSON'],
  ['no JSON', { body: `{"jobId":"${randomUUID()}","bearer":"${SECRET}` }, 'not JSON'],
  ['not UTF-8', { body: NOT_UTF_8 }, 'not UTF-8'],
  ['2 MiB', { body: LARGE }, new RegExp(`^it has ${LARGE.length} bytes, over 1048576$`)],
  ['null', { body: 'null' }, /^not of its schema: /],
  ['a list', { body: '[{}]' }, /^not of its schema: /],
  ['an object without anything', { body: '{}' }, /^not of its schema: jobId: /],
  ['another type', { body: `{"jobId":7,"bearer":"${SECRET}"}` }, /^not of its schema: jobId: /],
  ['what is no id', { body: '{"jobId":"../../etc/passwd"}' }, /^not of its schema: jobId: /],
];

const attempt = { jobId: randomUUID(), fence: 1 };
const counts = { versionsDone: 1, versionsTotal: 1, bytesDone: 1, bytesTotal: 1 };
const figures = { ...counts, percent: 1, versionsPerSecond: 1, bytesPerSecond: null, etaSeconds: 1 };
const reported = { ...attempt, serial: 1 };
const progress = (wrong: object): PublishedMessage => ({
  body: JSON.stringify({ ...reported, phase: 'EXPORTING', progress: { ...figures, ...wrong } }),
});

export const NO_PROGRESS: readonly Garbage[] = [
  ['fewer than none', progress({ versionsDone: -1 }), /^not of its schema: progress.versionsDone: /],
  ['more than can be counted', progress({ bytesDone: 1e300 }), /^not of its schema: progress.bytesDone: /],
  ['more than all', progress({ percent: 101 }), /^not of its schema: progress.percent: /],
  ['digits as text', progress({ etaSeconds: '1' }), /^not of its schema: progress.etaSeconds: /],
  ['a phase that is none', { body: JSON.stringify({ ...reported, phase: 'X' }) }, /^not of its schema: phase: /],
];

const settled = (wrong: object): PublishedMessage => ({ body: JSON.stringify({ ...attempt, ...wrong }) });

export const NO_SETTLED: readonly Garbage[] = [
  ['no outcome', settled({}), /^not of its schema: outcome: /],
  ['an outcome that is none', settled({ outcome: { state: 'RUNNING' } }), /^not of its schema: outcome\.state: /],
  ['a success without a result', settled({ outcome: { state: 'SUCCEEDED' } }), /^not of its schema: outcome\.result: /],
  ['a fence below the first', settled({ fence: 0, outcome: { state: 'CANCELLED' } }), /^not of its schema: fence: /],
];

/** Requests without a reply-to; `destination` is one that is allowed. */
export function wrongRequests(destination: string): readonly Garbage[] {
  const messageId = randomUUID();
  const backup = JSON.stringify({ kind: BACKUP_KIND, destination, bearer: SECRET });
  const elsewhere = JSON.stringify({ kind: BACKUP_KIND, destination: 'file:/etc/a.zip', bearer: SECRET });
  return [
    ['nothing', { messageId, body: '' }, 'empty body'],
    ['no JSON', { messageId, body: `{"bearer":"${SECRET}` }, /^Unparseable JSON body: /],
    ['not UTF-8', { messageId, body: NOT_UTF_8 }, 'not UTF-8'],
    ['2 MiB', { messageId, body: LARGE }, new RegExp(`^it has ${LARGE.length} bytes, over 1048576$`)],
    ['no kind', { messageId, body: '{}' }, 'kind is required'],
    ['another type', { messageId, body: '[]' }, /./],
    ['a place that is not allowed', { messageId, body: elsewhere }, /TIDEMARK_FILE_ROOTS/],
    ['no message-id', { body: backup }, /^message-id is required/],
    ['a message-id that is too long', { messageId: 'x'.repeat(201), body: backup }, /^message-id /],
    [
      'a reply-to that is a work queue',
      { messageId, body: backup, replyTo: 'tidemark.jobs.backup' },
      /^reply-to must /,
    ],
    ['a reply-to that is an exchange', { messageId, body: backup, replyTo: 'amq.fanout' }, /^reply-to must /],
  ];
}
