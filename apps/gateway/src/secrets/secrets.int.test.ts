import { createSecretKey, randomBytes } from 'node:crypto';

import { BACKUP_KIND, DOCUMENT_INDEX_LINK } from '@tidemark/contracts';
import { parseDestination } from '@tidemark/destinations';
import { JobStore } from '@tidemark/jobs';
import { silentLogger } from '@tidemark/platform';
import { query } from '@tidemark/testing';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { v7 as uuid } from 'uuid';

import { GatewayFixture, jobOf, SECRET_KEY } from '../gateway.fixture.test.js';
import { FakeWorker, RESULT } from '../worker.fixture.test.js';
import { SealedSecrets } from './sealed-secrets.js';

/** What becomes of the secrets of a request: sealed in the table, opened in a claim, gone with the job's end. */
const BEARER = 's3cret-bearer';

let fixture: GatewayFixture;
let worker: FakeWorker;
beforeAll(async () => {
  fixture = await GatewayFixture.open();
  worker = new FakeWorker(fixture);
});
afterAll(() => fixture.close());

const accept = async (name: string, fields: object = {}, headers = {}): Promise<string> => {
  const body = { kind: BACKUP_KIND, destination: fixture.destination(name), bearer: BEARER, ...fields };
  return jobOf(await fixture.patch(body, headers)).id;
};

/** All that the tables hold about a job, as text. */
async function kept(id: string): Promise<{ sealed: string | null; text: string }> {
  const [row] = await query<{ sealed: string | null; text: string }>(
    fixture.database.url,
    `SELECT sealed_secrets AS sealed, concat(job, (SELECT array_agg(key) FROM jobs.idempotency_key AS key)) AS text
     FROM jobs.job WHERE id = $1`,
    [id],
  );
  if (!row) throw new Error('no such job');
  return row;
}

test('a bearer is sealed in the table, masked in the job, opened for every claim, and gone with the job', async () => {
  const id = await accept('a.zip');
  expect(await kept(id)).toEqual({ sealed: expect.any(String), text: expect.not.stringContaining(BEARER) });
  const claim = await worker.run(id);
  expect(claim).toMatchObject({
    bearer: BEARER,
    request: { bearer: '***', destination: fixture.destination('a.zip') },
  });
  expect(claim).not.toHaveProperty('sealedSecrets');
  expect((await fixture.job(id)).request.bearer).toBe('***');
  await worker.finishing(claim);
  await worker.settle(claim, { state: 'SUCCEEDED', result: RESULT });
  await fixture.jobIn(id, 'SUCCEEDED');
  expect((await kept(id)).sealed).toBeNull();
});

test('a job that fails, or is cancelled before or while it runs, keeps no secret either', async () => {
  const failed = await accept('failed.zip');
  await worker.fail(failed);
  const cancelled = await accept('cancelled.zip');
  await fixture.ask({ method: 'DELETE', path: `/core/management/jobs/${cancelled}` });
  const stopped = await accept('stopped.zip');
  const claim = await worker.run(stopped);
  await fixture.ask({ method: 'DELETE', path: `/core/management/jobs/${stopped}` });
  expect((await kept(stopped)).sealed).not.toBeNull();
  await worker.settle(claim, { state: 'CANCELLED' });
  for (const [id, state] of [
    [failed, 'FAILED'],
    [cancelled, 'CANCELLED'],
    [stopped, 'CANCELLED'],
  ] as const) {
    await fixture.jobIn(id, state);
    expect((await kept(id)).sealed).toBeNull();
  }
});

test('a request without secrets has nothing sealed', async () => {
  const { id } = await fixture.backup('plain.zip');
  expect((await kept(id)).sealed).toBeNull();
  expect(await worker.run(id)).not.toHaveProperty('bearer');
  expect((await kept(await accept('empty.zip', { bearer: '' }))).sealed).toBeNull();
});

test('a secret is no part of what an Idempotency-Key stands for', async () => {
  const first = await accept('key.zip', {}, { 'idempotency-key': 'k' });
  expect(await accept('key.zip', { bearer: 'another' }, { 'idempotency-key': 'k' })).toBe(first);
});

/** As the gateway will store it; no request can ask for one yet. */
test('a signed URL is masked in the job and whole in the claim', async () => {
  const destination = 'https://depot.example.org/a.zip?X-Amz-Date=20261123&X-Amz-Signature=s3cret-signature';
  const { display } = parseDestination(destination);
  const id = uuid();
  const secrets = new SealedSecrets(createSecretKey(Buffer.from(SECRET_KEY, 'base64')));
  const jobs = await JobStore.open({ url: fixture.database.url, log: silentLogger });
  await jobs.create({
    id,
    request: { kind: BACKUP_KIND, destination: display, indexServiceLink: DOCUMENT_INDEX_LINK, backupType: 'STREAM' },
    sealedSecrets: secrets.seal(id, { destination }),
    place: display,
    warnings: [],
    caller: 'tests',
  });
  await jobs.close();
  expect((await kept(id)).text).not.toContain('s3cret');
  expect((await worker.run(id)).request.destination).toBe(destination);
  expect((await fixture.job(id)).request.destination).toBe(display);
});

describe('a gateway that is started with another key', () => {
  test('fails jobs whose secrets it cannot open, saying why, and finishes what needs none', async () => {
    const waiting = await accept('waiting.zip');
    const finishing = await accept('finishing.zip');
    const before = await worker.run(finishing);
    await worker.finishing(before);
    await worker.settle(before, { state: 'HANDED_BACK' });
    await fixture.jobWhen(finishing, ({ attempt }) => attempt === 0);
    await fixture.stop();
    await fixture.start({ TIDEMARK_SECRET_KEY: randomBytes(32).toString('base64') });

    expect(await worker.claim(waiting)).toEqual({ outcome: 'NOTHING' });
    const { state, error } = await fixture.job(waiting);
    expect([state, error]).toMatchObject(['FAILED', { code: 'SECRET_KEY_CHANGED', retriable: false, attempt: 1 }]);
    expect(error?.message).toMatch(/sealed with another TIDEMARK_SECRET_KEY .*send the request again$/);
    expect((await kept(waiting)).sealed).toBeNull();

    const claim = await worker.run(finishing);
    expect(claim).toMatchObject({ effect: { kind: 'FILE' }, request: { bearer: '***' } });
    expect(claim).not.toHaveProperty('bearer');
    await worker.settle(claim, { state: 'SUCCEEDED', result: RESULT });
    await fixture.jobIn(finishing, 'SUCCEEDED');
  });
});
