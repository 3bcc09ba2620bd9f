import type { OutgoingHttpHeaders } from 'node:http';

import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { BACKUP_KIND, RESTORE_KIND } from '@tidemark/contracts';
import { silentLogger, type Logger } from '@tidemark/platform';

import { GatewayFixture, jobOf, type Answered } from '../gateway.fixture.test.js';

const [OPERATOR, READER] = ['operator-0123456789abcdef', 'reader-0123456789abcdef'];

let lines: { level: string; audit: Record<string, unknown> }[] = [];
let heard: () => void = () => undefined;
/** Keeps the lines of calls and nothing else. */
const log: Logger = {
  ...silentLogger,
  info: (facts: unknown) => {
    const { audit } = facts as { audit?: Record<string, unknown> };
    if (audit) lines.push({ level: 'info', audit });
    heard();
  },
  child: () => log,
} as Logger;

let fixture: GatewayFixture;
beforeAll(async () => {
  const tokens = `night-shift:operator:${OPERATOR}, look:reader:${READER}`;
  fixture = await GatewayFixture.open({ TIDEMARK_API_TOKENS: tokens }, log);
});
afterAll(() => fixture.close());

/** The line of a call, which is written when its answer has ended. */
async function lineOf(call: () => Promise<Answered>): Promise<{ line: Record<string, unknown>; answer: Answered }> {
  lines = [];
  const { promise, resolve } = Promise.withResolvers<undefined>();
  heard = () => lines.length > 0 && resolve(undefined);
  const answer = await call();
  await promise;
  expect(lines).toHaveLength(1);
  return { line: lines[0]!.audit, answer };
}

const bearing = (token: string): OutgoingHttpHeaders => ({ authorization: `Bearer ${token}`, 'x-request-id': 'abc' });
const backup = (): object => ({ kind: BACKUP_KIND, destination: fixture.destination('a.zip') });

test('tells who asked for what, from where, and which job it became', async () => {
  const { line, answer } = await lineOf(() => fixture.patch(backup(), bearing(OPERATOR)));
  expect(line).toEqual({
    name: 'night-shift',
    role: 'operator',
    method: 'PATCH',
    path: '/core/management',
    operation: 'BACKUP',
    destination: fixture.destination('a.zip'),
    job: jobOf(answer).documentSelfLink,
    from: '127.0.0.1',
    requestId: 'abc',
    status: 202,
    code: undefined,
  });
});

test('tells what was asked for where it was refused, without the secrets of the destination', async () => {
  const request = { kind: RESTORE_KIND, destination: 'https://archives.example.org/a.zip?signature=hidden' };
  const { line } = await lineOf(() => fixture.patch(request, bearing(OPERATOR)));
  expect(line).toMatchObject({
    operation: 'RESTORE',
    destination: 'https://archives.example.org/a.zip?signature=***',
    status: 403,
    code: 'DESTINATION_NOT_ALLOWED',
  });
});

test.each([
  ['without a token', {}, { name: null, status: 401, code: 'UNAUTHENTICATED' }],
  ['with a wrong one', bearing('wrong-0123456789abcdef'), { name: null, status: 401, code: 'UNAUTHENTICATED' }],
  ['with a lower role', bearing(READER), { name: 'look', role: 'reader', status: 403, code: 'FORBIDDEN' }],
] as const)('%s', async (_how, headers, expected) => {
  const { line } = await lineOf(() => fixture.patch(backup(), headers));
  expect(line).toMatchObject({ method: 'PATCH', path: '/core/management', from: '127.0.0.1', ...expected });
  expect(line).not.toHaveProperty('job');
});

test.each([
  ['GET', '/core/management', 200],
  ['GET', '/core/management/jobs?state=QUEUED', 200],
  ['DELETE', '/core/management/jobs/0199c5a0-0000-7000-8000-000000000000', 404],
  ['POST', '/core/management/jobs/0199c5a0-0000-7000-8000-000000000000/undo', 404],
  ['POST', '/core/management/dead-letters/none/replay', 404],
  ['PUT', '/core/management', 405],
  ['GET', '/core/management/nowhere', 404],
])('%s %s', async (method, path, status) => {
  const { line } = await lineOf(() => fixture.ask({ method, path, headers: bearing(OPERATOR) }));
  expect(line).toMatchObject({ name: 'night-shift', method, path: path.split('?')[0], status });
});

test('documents are no management', async () => {
  lines = [];
  await fixture.ask({ path: '/notes/a', headers: bearing(READER) });
  await lineOf(() => fixture.ask({ path: '/core/management', headers: bearing(READER) }));
});

test('what is asked for over the queue is told as well', async () => {
  const lineAfter = async (
    body: object,
    messageId: string,
    properties: { replyTo?: string } = {},
  ): Promise<Record<string, unknown>> => {
    lines = [];
    const { promise, resolve } = Promise.withResolvers<undefined>();
    heard = () => lines.length > 0 && resolve(undefined);
    await fixture.outside.publish('request', JSON.stringify(body), { messageId, ...properties });
    await promise;
    return lines[0]!.audit;
  };
  const common = { name: 'tidemark.requests', role: 'operator', from: 'queue' };
  const destination = fixture.destination('a.zip');
  const job = expect.stringMatching(/^\/core\/management\/jobs\//);
  expect(await lineAfter(backup(), 'first')).toEqual({
    ...common,
    operation: 'BACKUP',
    destination,
    messageId: 'first',
    job,
  });
  expect(await lineAfter({ kind: 'nothing' }, 'second')).toMatchObject({
    ...common,
    messageId: 'second',
    code: 'KIND_UNKNOWN',
  });
  expect(await lineAfter(backup(), 'third', { replyTo: 'tidemark.jobs.backup' })).toMatchObject({
    ...common,
    messageId: 'third',
    code: 'PARAMETER_INVALID',
  });
});
