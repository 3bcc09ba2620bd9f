import { randomUUID } from 'node:crypto';

import { JOB_STATES, jobListSchema, type JobList } from '@tidemark/contracts';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { errorOf, GatewayFixture, jobOf } from '../gateway.fixture.test.js';
import { FakeWorker } from '../worker.fixture.test.js';

let fixture: GatewayFixture;
let worker: FakeWorker;
beforeAll(async () => {
  fixture = await GatewayFixture.open();
  worker = new FakeWorker(fixture);
});
afterAll(() => fixture.close());

const jobs = async (query = ''): Promise<JobList> => {
  const answer = await fixture.ask({ path: `/core/management/jobs${query}` });
  return jobListSchema.strict().parse(JSON.parse(answer.text));
};
const cancel = (id: string): ReturnType<GatewayFixture['ask']> =>
  fixture.ask({ method: 'DELETE', path: `/core/management/jobs/${id}` });
const missing = randomUUID();

describe('a job', () => {
  test('is the same wherever it is asked for', async () => {
    const created = await fixture.backup('one.zip');
    expect(await fixture.job(created.id)).toEqual(created);
    expect((await jobs()).documents[created.documentSelfLink]).toEqual(created);
  });

  test.each([
    ['GET', missing],
    ['GET', 'nonsense'],
    ['GET', '%F0%9F%98%80'],
    ['DELETE', missing],
    ['GET', `${missing}/events`],
  ])('%s of one that is not there: %s', async (method, id) => {
    const error = errorOf(await fixture.ask({ method, path: `/core/management/jobs/${id}` }));
    expect(error).toMatchObject({ statusCode: 404, code: 'NOT_FOUND' });
    expect(error.message).toMatch(/^job .* not found$/u);
  });
});

describe('the list', () => {
  beforeAll(async () => {
    for (let n = 0; n < 5; n++) await fixture.backup(`listed-${n}.zip`);
    await fixture.restore();
  });

  test('comes newest first, page by page, none twice, none left out', async () => {
    const whole = await jobs();
    const seen: string[] = [];
    let next: string | undefined = '?$limit=2';
    while (next !== undefined) {
      const page: JobList = await jobs(next);
      expect(page.documentCount).toBe(page.documentLinks.length);
      expect(page.documentCount).toBeLessThanOrEqual(2);
      seen.push(...page.documentLinks);
      next = page.nextPageLink?.replace('/core/management/jobs', '');
      // What is created meanwhile is newer than every page to come.
      if (seen.length === 2) await fixture.backup('meanwhile.zip');
    }
    expect(seen).toEqual(whole.documentLinks);
    const created = seen.map((link) => whole.documents[link]!.createdAtMicros);
    expect(created).toEqual([...created].sort((a, b) => b - a));
  });

  test('can be of one operation, and of some states; a next page keeps to that', async () => {
    const restores = await jobs('?operation=RESTORE');
    expect(restores.documentCount).toBe(1);
    await cancel(restores.documents[restores.documentLinks[0]!]!.id);
    expect((await jobs('?state=CANCELLED')).documentLinks).toEqual(restores.documentLinks);
    const both = await jobs('?state=CANCELLED,QUEUED&$limit=1&operation=BACKUP');
    expect(both.nextPageLink).toMatch(
      /^\/core\/management\/jobs\?state=CANCELLED%2CQUEUED&\$limit=1&operation=BACKUP&\$page=\d+$/,
    );
    expect((await jobs('?state=RUNNING&state=FINISHING')).documentLinks).toEqual([]);
  });

  test.each([
    ['?state=SLEEPING', `state must be of ${JOB_STATES.join(', ')}`],
    ['?operation=UNDO', 'operation must be BACKUP or RESTORE'],
    ['?$limit=0', '$limit must be a whole number from 1 to 1000'],
    ['?$limit=1001', '$limit must be a whole number from 1 to 1000'],
    ['?$limit=1&$limit=2', '$limit is given more than once'],
    ['?$page=x', '$page must be a whole number from 1 to 9007199254740991'],
  ])('%s', async (query, message) => {
    const error = errorOf(await fixture.ask({ path: `/core/management/jobs${query}` }));
    expect(error).toMatchObject({ statusCode: 400, code: 'PARAMETER_INVALID', message });
  });
});

describe('cancelling', () => {
  test('a queued job ends it, and the world is told', async () => {
    const event = await fixture.nextEvent('job.backup.cancelled');
    const { id } = await fixture.backup('q.zip');
    const answer = await cancel(id);
    expect(answer.status).toBe(202);
    expect(jobOf(answer)).toMatchObject({ state: 'CANCELLED', result: null, error: null });
    expect(await event.job).toEqual(jobOf(answer));
  });

  test('a running job asks its worker to stop; again is the same', async () => {
    const claim = await worker.run((await fixture.backup('r.zip')).id);
    expect(jobOf(await cancel(claim.jobId)).state).toBe('CANCELLING');
    const again = await cancel(claim.jobId);
    expect([again.status, jobOf(again).state]).toEqual([202, 'CANCELLING']);
    expect(await worker.heartbeat(claim)).toBe('CANCEL');
    await worker.settle(claim, { state: 'CANCELLED' });
    await fixture.jobIn(claim.jobId, 'CANCELLED');
  });

  test('a finishing job is refused', async () => {
    const claim = await worker.run((await fixture.backup('f.zip')).id);
    expect(await worker.finishing(claim)).toBe('GO');
    expect(errorOf(await cancel(claim.jobId))).toMatchObject({
      statusCode: 409,
      code: 'JOB_FINISHING',
      message: 'the job is finishing and can no longer be cancelled',
      details: { jobId: claim.jobId },
    });
  });

  test.each(['SUCCEEDED', 'FAILED', 'CANCELLED'] as const)('a job that is %s is refused', async (state) => {
    const { id } = await fixture.backup(`${state}.zip`);
    if (state === 'SUCCEEDED') await worker.succeed(id);
    if (state === 'FAILED') await worker.fail(id);
    if (state === 'CANCELLED') await cancel(id);
    await fixture.jobIn(id, state);
    expect(errorOf(await cancel(id))).toMatchObject({
      statusCode: 409,
      code: 'JOB_ENDED',
      message: `the job has ended: it is ${state}`,
      details: { jobId: id, state },
    });
  });
});

describe('events', () => {
  test('begin with the job as it is, go on with each revision, and end with the job', async () => {
    const { id } = await fixture.backup('events.zip');
    const claim = await worker.run(id);
    const events = fixture.events(id);
    const take = async (): Promise<[string, string]> => {
      const { value } = (await events.next()) as { value: { id: string; job: { revision: number; state: string } } };
      expect(value.id).toBe(String(value.job.revision));
      return [value.id, value.job.state];
    };
    expect(await take()).toEqual(['2', 'RUNNING']);
    await fixture.outside.publish('progress', {
      jobId: id,
      fence: claim.fence,
      serial: 1,
      phase: 'EXPORTING',
      progress: null,
    });
    expect(await take()).toEqual(['3', 'RUNNING']);
    await worker.finishing(claim);
    expect(await take()).toEqual(['4', 'FINISHING']);
    await worker.settle(claim, { state: 'HANDED_BACK' });
    expect(await take()).toEqual(['5', 'FINISHING']);
    await worker.succeed(id);
    const last: unknown[] = [];
    for await (const { job } of events) last.push(job.state);
    expect(last.at(-1)).toBe('SUCCEEDED');
  });

  test('what was seen does not come again', async () => {
    const { id } = await fixture.backup('seen.zip');
    const events = fixture.events(id, { 'last-event-id': '1' });
    const first = events.next();
    const claim = await worker.run(id);
    expect(await first).toMatchObject({ value: { id: '2', job: { state: 'RUNNING' } } });
    await events.return(undefined);
    const fromUnknown = fixture.events(id, { 'last-event-id': '77' });
    expect(await fromUnknown.next()).toMatchObject({ value: { id: '2' } });
    await fromUnknown.return(undefined);
    await worker.settle(claim, { state: 'CANCELLED' });
  });

  test('of a job whose end was seen there are none, so that nobody comes again', async () => {
    const { id } = await fixture.backup('over.zip');
    const { revision } = jobOf(await cancel(id));
    const headers = { 'last-event-id': String(revision) };
    const answer = await fixture.ask({ path: `/core/management/jobs/${id}/events`, headers });
    expect([answer.status, answer.text]).toEqual([204, '']);
    const unseen = await fixture.ask({ path: `/core/management/jobs/${id}/events` });
    expect(unseen.headers['content-type']).toBe('text/event-stream');
    expect(unseen.text).toMatch(new RegExp(`^id: ${revision}\nevent: job\ndata: \\{.*\\}\n\n$`));
  });
});
