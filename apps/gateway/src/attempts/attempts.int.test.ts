import { randomUUID } from 'node:crypto';

import { isTerminal } from '@tidemark/contracts';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { errorOf, exchange, GatewayFixture } from '../gateway.fixture.test.js';
import { FakeWorker, FILE_EFFECT, RESULT } from '../worker.fixture.test.js';

let fixture: GatewayFixture;
let worker: FakeWorker;
beforeAll(async () => {
  fixture = await GatewayFixture.open();
  worker = new FakeWorker(fixture);
});
afterAll(() => fixture.close());

describe('the internal port', () => {
  test('gives a claim with all that the worker needs, the same one to the same claimId', async () => {
    const { id, request } = await fixture.backup('claimed.zip');
    const claimId = randomUUID();
    const claim = await worker.claim(id, claimId);
    expect(claim).toEqual({
      outcome: 'CLAIMED',
      jobId: id,
      operation: 'BACKUP',
      attempt: 1,
      fence: 1,
      leaseSeconds: 30,
      isLast: false,
      isAfterSilence: false,
      request,
      effect: null,
      indexUrl: 'http://127.0.0.1:9',
      grant: expect.any(String),
    });
    expect(await worker.claim(id, claimId)).toEqual({ ...claim, grant: expect.any(String) });
    expect(await worker.claim(id)).toEqual({ outcome: 'NOTHING' });
    expect(await worker.claim(randomUUID())).toEqual({ outcome: 'NOTHING' });
    expect(await worker.heartbeat({ jobId: id, fence: 1 })).toBe('GO');
    expect(await worker.heartbeat({ jobId: id, fence: 2 })).toBe('LOST');
    await worker.settle({ jobId: id, fence: 1 }, { state: 'CANCELLED' });
  });

  test.each([
    ['claim', { claimId: 'x', worker: 'w' }],
    ['heartbeat', { fence: 0 }],
    ['finishing', { fence: 1, effect: { kind: 'MAGIC' } }],
  ])('%s of another form is refused', async (verb, body) => {
    const { id } = await fixture.backup('form.zip');
    expect(errorOf(await worker.call(id, verb, body))).toMatchObject({ statusCode: 400, code: 'BODY_UNPARSEABLE' });
    expect((await fixture.job(id)).state).toBe('QUEUED');
  });

  test('tells which jobs have ended', async () => {
    const [ended, waiting] = [(await fixture.backup('ended.zip')).id, (await fixture.backup('waiting.zip')).id];
    await fixture.ask({ method: 'DELETE', path: `/core/management/jobs/${ended}` });
    const ask = (jobIds: unknown): ReturnType<typeof exchange> =>
      exchange(fixture.gateway.internalUrl, {
        method: 'POST',
        path: '/internal/ended-jobs',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ jobIds }),
      });
    const answer = await ask([ended, waiting, randomUUID()]);
    expect([answer.status, JSON.parse(answer.text)]).toEqual([200, { ended: [ended] }]);
    expect(errorOf(await ask(['no-uuid']))).toMatchObject({ statusCode: 400, code: 'BODY_UNPARSEABLE' });
  });

  test('is for no page that a browser shows', async () => {
    const { id } = await fixture.backup('page.zip');
    const answer = await exchange(fixture.gateway.internalUrl, {
      method: 'POST',
      path: `/internal/jobs/${id}/claim`,
      headers: { 'content-type': 'application/json', origin: fixture.gateway.internalUrl },
      body: JSON.stringify({ claimId: randomUUID(), worker: 'a page' }),
    });
    expect(errorOf(answer)).toMatchObject({ statusCode: 403, code: 'ORIGIN_FOREIGN' });
    expect((await fixture.job(id)).state).toBe('QUEUED');
  });

  test('is not the public one: neither serves what is the other’s', async () => {
    const { id } = await fixture.backup('apart.zip');
    const paths = ['/core/management', '/core/management/jobs', `/core/management/jobs/${id}`, '/core/docs', '/a/b'];
    for (const path of paths) {
      const answer = await exchange(fixture.gateway.internalUrl, { path });
      expect([path, errorOf(answer).code]).toEqual([path, 'NOT_FOUND']);
    }
    const claim = JSON.stringify({ claimId: randomUUID(), worker: 'from outside' });
    const headers = { 'content-type': 'application/json' };
    const path = `/internal/jobs/${id}/claim`;
    // A path like every other: the link of a document, and there is no index-service here.
    expect(errorOf(await fixture.ask({ method: 'POST', path, headers, body: claim })).code).toBe('INDEX_UNAVAILABLE');
    expect((await fixture.job(id)).state).toBe('QUEUED');
  });
});

describe('a report', () => {
  test('of progress is shown', async () => {
    const { jobId, fence } = await worker.run((await fixture.backup('progress.zip')).id);
    const progress = {
      versionsDone: 10,
      versionsTotal: 40,
      bytesDone: 100,
      bytesTotal: null,
      percent: 25,
      versionsPerSecond: 5,
      bytesPerSecond: 50,
      etaSeconds: 6,
    };
    await fixture.outside.publish('progress', { jobId, fence, serial: 1, phase: 'EXPORTING', progress });
    const job = await fixture.jobWhen(jobId, ({ phase }) => phase === 'EXPORTING');
    expect(job.progress).toEqual(progress);
    await worker.settle({ jobId, fence }, { state: 'CANCELLED' });
  });

  test('of success ends the job, and the world is told', async () => {
    const event = await fixture.nextEvent('job.#');
    const { id } = await fixture.backup('told.zip');
    await worker.succeed(id);
    expect(await event.job).toMatchObject({ id, state: 'SUCCEEDED', result: RESULT });
    expect(await event.job).toEqual(await fixture.job(id));
  });

  test('of an old fence changes nothing', async () => {
    const old = await worker.run((await fixture.backup('old.zip')).id);
    await worker.settle(old, { state: 'HANDED_BACK' });
    await fixture.jobIn(old.jobId, 'QUEUED');
    const claim = await worker.run(old.jobId);
    expect(claim).toMatchObject({ attempt: 1, fence: 3 });
    await worker.settle(old, { state: 'SUCCEEDED', result: RESULT });
    await worker.settle(old, { state: 'CANCELLED' });
    expect(await worker.finishing(old)).toBe('LOST');
    await worker.finishing(claim);
    await worker.settle(claim, { state: 'SUCCEEDED', result: { ...RESULT, documents: 77 } });
    // Reports are handled in their order, so the old ones were before this one.
    const job = await fixture.jobWhen(old.jobId, ({ state }) => isTerminal(state));
    expect(job).toMatchObject({ state: 'SUCCEEDED', result: { documents: 77 } });
  });

  test('of a failure that may mend brings the next attempt, rung for after its back-off', async () => {
    const { id } = await fixture.backup('full.zip');
    expect(await worker.rungFor('full.zip')).toBe(id);
    await worker.fail(id, 'DESTINATION_FULL');
    const queued = await fixture.jobWhen(id, ({ attempts }) => attempts.length === 1);
    expect(queued).toMatchObject({ state: 'QUEUED', attempt: 1, error: null });
    expect(queued.attempts[0]?.error).toMatchObject({ code: 'DESTINATION_FULL', attempt: 1, retriable: true });
    expect(await worker.rungFor('full.zip')).toBe(id);
    expect(await worker.run(id)).toMatchObject({ attempt: 2 });
  });

  test('of the end of a job rings for the one that waited for it', async () => {
    const first = await worker.run((await fixture.backup('busy.zip')).id);
    expect(await worker.rungFor('busy.zip')).toBe(first.jobId);
    const second = await fixture.backup('busy.zip');
    expect(await worker.rungFor('busy.zip')).toBe(second.id);
    expect(await worker.claim(second.id)).toEqual({ outcome: 'NOTHING' });
    await worker.finishing(first);
    await worker.settle(first, { state: 'SUCCEEDED', result: RESULT });
    expect(await worker.rungFor('busy.zip')).toBe(second.id);
    expect(await worker.claim(second.id)).toMatchObject({ outcome: 'CLAIMED' });
  });
});

describe('a worker that is not heard of any more', () => {
  let hasty: GatewayFixture;
  let hastyWorker: FakeWorker;
  beforeAll(async () => {
    hasty = await GatewayFixture.open({ TIDEMARK_LEASE_SECONDS: '5' });
    hastyWorker = new FakeWorker(hasty);
  });
  afterAll(() => hasty.close());

  test('loses its job to the next attempt, which is rung for', async () => {
    const { id } = await hasty.backup('dead.zip');
    expect(await hastyWorker.rungFor('dead.zip')).toBe(id);
    const dead = await hastyWorker.run(id);
    const queued = await hasty.jobIn(id, 'QUEUED');
    expect(queued.attempts).toMatchObject([{ attempt: 1, error: null }]);
    expect(await hastyWorker.heartbeat(dead)).toBe('LOST');
    expect(await hastyWorker.rungFor('dead.zip')).toBe(id);
    expect(await hastyWorker.run(id)).toMatchObject({ attempt: 2 });
  });

  test('does not take a stored effect with it: any other attempt finishes it', async () => {
    const dead = await hastyWorker.run((await hasty.backup('sealed.zip')).id);
    expect(await hastyWorker.finishing(dead)).toBe('GO');
    expect(await hastyWorker.finishing(dead)).toBe('GO');
    let next = await hastyWorker.claim(dead.jobId);
    while (next.outcome === 'NOTHING') next = await hastyWorker.claim(dead.jobId);
    expect(next.effect).toEqual(FILE_EFFECT);
    await hastyWorker.settle(next, { state: 'SUCCEEDED', result: RESULT });
    await hasty.jobIn(dead.jobId, 'SUCCEEDED');
  });
});
