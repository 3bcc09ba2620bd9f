import type { OutgoingHttpHeaders } from 'node:http';

import { BACKUP_KIND, RESTORE_KIND } from '@tidemark/contracts';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { errorOf, GatewayFixture, jobOf, type Answered } from '../gateway.fixture.test.js';
import { FakeWorker, RESULT } from '../worker.fixture.test.js';

let fixture: GatewayFixture;
let worker: FakeWorker;
beforeAll(async () => {
  fixture = await GatewayFixture.open();
  worker = new FakeWorker(fixture);
});
afterAll(() => fixture.close());

const backup = (fields: object = {}): object => ({ kind: BACKUP_KIND, destination: fixture.destination(), ...fields });
const restore = (fields: object = {}): object => ({
  kind: RESTORE_KIND,
  destination: fixture.destination(),
  ...fields,
});

describe('an accepted request', () => {
  test('is answered at once with the job, and rung for', async () => {
    const answer = await fixture.patch(backup({ destination: fixture.destination('first.zip') }));
    const job = jobOf(answer);
    expect(answer.status).toBe(202);
    expect(answer.headers.location).toBe(`/core/management/jobs/${job.id}`);
    expect(answer.headers['preference-applied']).toBeUndefined();
    expect(job).toMatchObject({
      documentSelfLink: `/core/management/jobs/${job.id}`,
      operation: 'BACKUP',
      state: 'QUEUED',
      revision: 1,
      request: {
        kind: BACKUP_KIND,
        destination: fixture.destination('first.zip'),
        backupType: 'ZIP',
        indexServiceLink: '/core/document-index',
      },
      warnings: [],
    });
    expect(await worker.rungFor('first.zip')).toBe(job.id);
  });

  test('keeps no secret, and names what it ignored', async () => {
    const job = jobOf(await fixture.patch(backup({ bearer: 'my-secret', colour: 'blue' })));
    expect(job.request.bearer).toBe('***');
    expect(job.warnings).toEqual(['the field "colour" is not known and was ignored']);
    const listed = await fixture.ask({ path: '/core/management/jobs' });
    expect(listed.text).not.toContain('my-secret');
  });

  test('a boundary as decimal digits is a number in the job', async () => {
    const job = jobOf(await fixture.patch(restore({ timeSnapshotBoundaryMicros: '1795384850922000' })));
    expect(job.request).toMatchObject({ timeSnapshotBoundaryMicros: 1795384850922000 });
  });
});

describe('Idempotency-Key', () => {
  const keyed = (key: string): { 'idempotency-key': string } => ({ 'idempotency-key': key });

  test('the same body, however it is written, gives the first job as it is now', async () => {
    const destination = fixture.destination('keyed.zip');
    const first = jobOf(await fixture.patch({ kind: BACKUP_KIND, destination }, keyed('k-1')));
    await worker.run(first.id);
    const body = `{ "destination": "${destination}",\n "backupType": "ZIP", "kind": "${BACKUP_KIND}" }`;
    const again = await fixture.patch(body, keyed('k-1'));
    expect(again.status).toBe(202);
    expect(jobOf(again)).toMatchObject({ id: first.id, state: 'RUNNING' });
  });

  test('another body is refused', async () => {
    const first = jobOf(await fixture.patch(backup(), keyed('k-2')));
    const error = errorOf(await fixture.patch(backup({ destination: fixture.destination('b.zip') }), keyed('k-2')));
    expect(error).toMatchObject({
      statusCode: 409,
      code: 'IDEMPOTENCY_KEY_REUSED',
      message: 'this idempotency key was used before with another body',
      details: { jobId: first.id },
    });
  });

  test('of many at once one job comes', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => fixture.patch(backup(), keyed('k-3'))));
    expect(new Set(answers.map((answer) => jobOf(answer).id)).size).toBe(1);
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(202));
  });

  test.each(['', 'x'.repeat(201), 'käse', 'a\tb'])('%j is none', async (key) => {
    const error = errorOf(await fixture.patch(backup(), keyed(key)));
    expect(error).toMatchObject({
      statusCode: 400,
      code: 'PARAMETER_INVALID',
      message: 'Idempotency-Key must be 1 to 200 printable ASCII characters',
    });
  });

  test('two of them are none', async () => {
    const error = errorOf(await fixture.patch(backup(), { 'idempotency-key': ['a', 'b'] }));
    expect(error).toMatchObject({ code: 'PARAMETER_INVALID', message: 'Idempotency-Key is given more than once' });
  });

  test('a key of 200 characters is one', async () => {
    expect((await fixture.patch(backup(), keyed('~ '.repeat(99) + '!!'))).status).toBe(202);
  });
});

describe('Prefer: wait', () => {
  const waitFor = (name: string, headers: OutgoingHttpHeaders): Promise<Answered> =>
    fixture.patch(backup({ destination: fixture.destination(name) }), headers);

  test('a job that succeeds is 200', async () => {
    const waiting = waitFor('waited.zip', { prefer: 'respond-async, WAIT = "60"; x=1' });
    await worker.succeed(await worker.rungFor('waited.zip'));
    const answer = await waiting;
    expect(answer.status).toBe(200);
    expect(answer.headers['preference-applied']).toBe('respond-async, wait=60');
    expect(jobOf(answer)).toMatchObject({ state: 'SUCCEEDED', result: RESULT });
    expect(answer.headers.location).toBe(jobOf(answer).documentSelfLink);
  });

  test('a job that fails has the status of its error', async () => {
    const waiting = waitFor('failing.zip', { prefer: 'wait=60' });
    await worker.fail(await worker.rungFor('failing.zip'));
    const answer = await waiting;
    expect(answer.status).toBe(422);
    expect(jobOf(answer)).toMatchObject({
      state: 'FAILED',
      error: { code: 'ARCHIVE_NOT_FOUND', message: 'as the worker said', attempt: 1, retriable: false },
    });
  });

  test('a job that is cancelled is 409', async () => {
    const waiting = waitFor('gone.zip', { prefer: 'wait=60' });
    await fixture.ask({ method: 'DELETE', path: `/core/management/jobs/${await worker.rungFor('gone.zip')}` });
    const answer = await waiting;
    expect(answer.status).toBe(409);
    expect(jobOf(answer).state).toBe('CANCELLED');
  });

  test('when the time is over it is 202 with the job as it is then', async () => {
    const waiting = waitFor('slow.zip', { prefer: 'wait=5' });
    await worker.run(await worker.rungFor('slow.zip'));
    const answer = await waiting;
    expect(answer.status).toBe(202);
    expect(answer.headers['preference-applied']).toBe('wait=5');
    expect(jobOf(answer).state).toBe('RUNNING');
  });

  test('a caller that goes away ends its wait and not the job', async () => {
    const gone = new AbortController();
    const waiting = fixture.ask({
      method: 'PATCH',
      path: '/core/management',
      headers: { 'content-type': 'application/json', prefer: 'wait=600' },
      body: JSON.stringify(backup({ destination: fixture.destination('alone.zip') })),
      signal: gone.signal,
    });
    const id = await worker.rungFor('alone.zip');
    gone.abort();
    await expect(waiting).rejects.toThrow('aborted');
    await worker.succeed(id);
    expect(await fixture.jobIn(id, 'SUCCEEDED')).toMatchObject({ id });
  });

  test('a repeated request waits for the first job', async () => {
    const headers = { 'idempotency-key': 'waited', prefer: 'wait=60' };
    const body = backup({ destination: fixture.destination('twice.zip') });
    const both = [fixture.patch(body, headers), fixture.patch(body, headers)];
    await worker.succeed(await worker.rungFor('twice.zip'));
    const answers = await Promise.all(both);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    const later = await fixture.patch(body, headers);
    expect(later.status).toBe(200);
    const unasked = await fixture.patch(body, { 'idempotency-key': 'waited' });
    expect(unasked.status).toBe(202);
    expect(jobOf(unasked).state).toBe('SUCCEEDED');
  });
});

describe('GET /core/management', () => {
  test('tells what runs, and what does not answer', async () => {
    const status = await fixture.status();
    expect(status).toMatchObject({
      version: '0.1.0',
      index: null,
      fileRoots: [{ root: fixture.root, serves: ['BACKUP', 'RESTORE'], complaint: null }],
      workers: [{ worker: 'a fake', jobIds: expect.any(Array) }],
      problems: {
        index: ['the index-service does not answer'],
        jobs: [],
        workers: [],
        queues: [],
        messaging: [],
        fileRoots: [],
      },
    });
    expect(status.jobs?.countByState.SUCCEEDED).toBeGreaterThan(0);
    expect(status.jobs?.lastBackup?.state).toBe('SUCCEEDED');
  });

  test('tells who works on what, what waits and who would take it', async () => {
    const id = (await fixture.backup('shown.zip')).id;
    const claim = await worker.run(id);
    const subscription = fixture.outside.subscribe('tidemark.jobs.restore', () => Promise.resolve());
    await subscription.started;
    await fixture.outside.publish('request', '{"bearer":"x"}', { messageId: 'dies' });
    await fixture.broker.drained('tidemark.requests', 10_000);
    const { workers, queues } = await fixture.status();
    expect(workers).toEqual([
      { worker: 'a fake', lastSeenMicros: expect.any(Number), jobIds: expect.arrayContaining([id]) },
    ]);
    expect(queues).toEqual([
      { queue: 'tidemark.requests', waiting: 0, consumers: 1 },
      { queue: 'tidemark.jobs.backup', waiting: expect.any(Number), consumers: 0 },
      { queue: 'tidemark.jobs.restore', waiting: expect.any(Number), consumers: 1 },
      { queue: 'tidemark.reports', waiting: 0, consumers: 1 },
      { queue: 'tidemark.dead', waiting: 1, consumers: 0 },
    ]);
    await subscription.close();
    await worker.finishing(claim);
    await worker.settle(claim, { state: 'SUCCEEDED', result: RESULT });
    await fixture.jobIn(id, 'SUCCEEDED');
    expect((await fixture.status()).workers?.[0]?.jobIds).not.toContain(id);
  });
});
