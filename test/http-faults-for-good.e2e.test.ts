/** Faults that stay: the job says what is wrong, and destination and index are as they were, or the job says that not. */
import { randomBytes } from 'node:crypto';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';

import {
  fingerprintOf,
  holdRetries,
  HTTP_FAULTS as FAULTS,
  type Fault,
  type IndexFingerprint,
  type Job,
  type JobError,
} from '@tidemark/testing';

import {
  AT,
  CHUNK_BYTES,
  sha256Of,
  FaultyDestinations,
  met,
  type FaultyPlace,
  type Where,
} from './faulty-destinations.fixture.test.js';

jest.setTimeout(120_000); // a request is sent six times, with growing pauses, and each time a stall is waited for

/** What lies there before a backup; no byte of it is where the new archive has the same. */
const OLD = randomBytes(700_000);
const REFUSALS = [401, 403, 405, 412, 301, 302, 307, 308];
const KINDS = ['depot', 'plain'] as const;
type Kind = (typeof KINDS)[number];

let all: FaultyDestinations;
let archive: Buffer;
let live: IndexFingerprint;
beforeAll(async () => {
  all = await FaultyDestinations.start();
  expect((await all.it.client.backup(all.depot.origin)).body.state).toBe('SUCCEEDED');
  archive = await all.depot.stored();
  live = await all.write('/kept/1');
});
afterAll(() => all.remove());
beforeEach(async () => {
  for (const place of [all.depot, all.plain]) await place.store(OLD);
});
afterEach(async () => {
  all.expectSound();
  await all.expectNothingSpooled();
  expect(await all.shown()).toEqual(['a.zip']);
  expect(await fingerprintOf(all.it)).toEqual(live);
});

const refusal = (status: number): Fault =>
  status < 400 ? FAULTS.redirect(status, all.trap.url) : FAULTS.status(status);

function always({ proxy }: FaultyPlace, where: Where, fault: Fault): void {
  proxy.give((request) => (where(request) ? fault : undefined));
}

/** The error of its first attempt. A job that gets another one is cancelled in the middle of it. */
async function firstError({ id }: Job, place: FaultyPlace): Promise<JobError | null | undefined> {
  const { client } = all.it;
  const { state, error, attempts } = await client.jobWhen(
    id,
    (job) => job.state === 'FAILED' || job.attempts.length > 0,
  );
  if (state === 'FAILED') return error;
  always(place, AT.anywhere, FAULTS.stallForAnswer());
  await client.jobWhen(id, (job) => job.state === 'RUNNING');
  await client.cancel(id);
  expect((await client.ended(id)).state).toBe('CANCELLED');
  return attempts[0]?.error;
}

/** What the error says of the destination is so: the depot has its old archive still, the other server a mixture. */
async function expectTruth(kind: (typeof KINDS)[number], error: JobError | null | undefined): Promise<void> {
  const isTouched = !(await all[kind].stored()).equals(OLD);
  expect([isTouched, error?.destinationTouched ?? false]).toEqual([kind === 'plain', kind === 'plain']);
}

describe.each(KINDS)('an upload to the %s server', (kind) => {
  test.each(REFUSALS)('that answers %s to everything', async (status) => {
    const place = all[kind];
    always(place, AT.anywhere, refusal(status));
    const { body } = await all.it.client.backup(place.url);
    const error = { code: 'DESTINATION_REFUSED', details: { status }, phase: 'UPLOADING' };
    expect(body).toMatchObject({ state: 'FAILED', attempt: 1, error });
    expect(body.error).not.toHaveProperty('destinationTouched');
    expect((await place.stored()).equals(OLD)).toBe(true);
  });

  test.each([403, 404, 412, 307])('that answers %s from the third chunk on', async (status) => {
    const place = all[kind];
    always(place, AT.laterChunks, refusal(status));
    const { body } = await all.it.client.backup(place.url);
    const error = { code: 'DESTINATION_REFUSED', details: { status } };
    expect(body).toMatchObject({ state: 'FAILED', attempt: 1, error });
    await expectTruth(kind, body.error);
  });

  test('that has no room', async () => {
    const place = all[kind];
    always(place, AT.laterChunks, FAULTS.lostAnswer(507));
    const { body } = await all.it.client.backup(place.url, { wait: false });
    const error = await firstError(body, place);
    expect(error).toMatchObject({ code: 'DESTINATION_FULL' });
    await expectTruth(kind, error);
  });
});

/** The archive is another one from its fifth part on. */
function changes(place: FaultyPlace, to: Buffer): void {
  let parts = 0;
  place.proxy.give(async (request) => {
    if (AT.part(request) && ++parts === 5) await place.store(to);
    return undefined;
  });
}

describe.each(KINDS)('a restore from the %s server', (kind) => {
  beforeEach(() => all[kind].store(archive));

  test.each(REFUSALS)('that answers %s to everything', async (status) => {
    always(all[kind], AT.anywhere, refusal(status));
    const { body } = await all.it.client.restore(all[kind].url);
    expect(body).toMatchObject({ state: 'FAILED', error: { code: 'DESTINATION_REFUSED', details: { status } } });
  });

  test.each([404, 410])('that answers %s to everything', async (status) => {
    always(all[kind], AT.anywhere, refusal(status));
    expect((await all.it.client.restore(all[kind].url)).body.error?.code).toBe('ARCHIVE_NOT_FOUND');
  });

  test.each([
    ['DESTINATION_REFUSED', 'parts', AT.part, FAULTS.status(403)],
    ['ARCHIVE_CHANGED', 'parts', AT.part, FAULTS.status(404)],
    ['ARCHIVE_CHANGED', 'parts', AT.part, FAULTS.status(412)],
    ['ARCHIVE_CHANGED', 'parts', AT.part, FAULTS.otherTotal(1)],
    ['ARCHIVE_CHANGED', 'looks', AT.look, FAULTS.otherTotal(1)],
  ])('is %s when the %s are met by another fault', async (code, _, where, fault) => {
    always(all[kind], where, fault);
    const { body } = await all.it.client.restore(all[kind].url);
    expect(body).toMatchObject({ state: 'FAILED', attempt: 1, error: { code } });
    expect(met(all[kind]).length).toBeGreaterThan(0);
  });

  test('in the middle of which another archive is put there', async () => {
    changes(all[kind], Buffer.concat([archive, archive]));
    const { body } = await all.it.client.restore(all[kind].url);
    expect(body).toMatchObject({ state: 'FAILED', attempt: 1, error: { code: 'ARCHIVE_CHANGED' } });
  });

  test('in the middle of which one of the same length is put there', async () => {
    changes(all[kind], Buffer.from(archive.map((byte) => 255 - byte)));
    const { body } = await all.it.client.restore(all[kind].url);
    const code = kind === 'depot' ? 'ARCHIVE_CHANGED' : 'ARCHIVE_DAMAGED';
    expect(body).toMatchObject({ state: 'FAILED', attempt: 1, error: { code } });
  });
});

/** What every request that is there has for ever, and what the job says in the end. */
type ForEver = readonly [where: Where, fault: Fault, error: Partial<JobError>];

const UNREACHABLE = { code: 'DESTINATION_UNREACHABLE', retriable: true } as const;
const TIMEOUT = { code: 'DESTINATION_TIMEOUT', retriable: true } as const;
const IGNORES_RANGES = { code: 'DESTINATION_IGNORES_RANGES', retriable: false } as const;
const HALF = CHUNK_BYTES / 2;

/** A backup to one server, and a restore from the other meanwhile. */
const TOGETHER: readonly { readonly to: Kind; readonly backup: ForEver; readonly restore: ForEver }[] = [
  {
    to: 'depot',
    backup: [AT.upload, FAULTS.resetInRequest(HALF), { ...UNREACHABLE, phase: 'UPLOADING' }],
    restore: [AT.anywhere, FAULTS.stallForAnswer(), { ...TIMEOUT, phase: 'OPENING' }],
  },
  {
    to: 'plain',
    backup: [AT.laterChunks, FAULTS.stallInRequest(HALF), { ...TIMEOUT, phase: 'UPLOADING' }],
    restore: [AT.part, FAULTS.resetInAnswer(1000), UNREACHABLE],
  },
  {
    to: 'depot',
    backup: [AT.part, FAULTS.shiftedRange(1), { ...IGNORES_RANGES, phase: 'VERIFYING' }],
    restore: [AT.anywhere, FAULTS.noRange(), { ...IGNORES_RANGES, phase: 'OPENING' }],
  },
];

test.each(TOGETHER)(
  'for ever: a backup to the $to server has $backup.1.name, a restore $restore.1.name',
  async (row) => {
    const { to, backup, restore } = row;
    const [target, source] = to === 'depot' ? [all.depot, all.plain] : [all.plain, all.depot];
    await source.store(archive);
    always(target, backup[0], backup[1]);
    always(source, restore[0], restore[1]);
    const written = await all.it.client.backup(target.url, { wait: false });
    const read = await all.it.client.restore(source.url, { wait: false });
    const [ofBackup, ofRestore] = await Promise.all([firstError(written.body, target), firstError(read.body, source)]);
    expect(ofBackup).toMatchObject({ ...backup[2], destinationTouched: true });
    expect(ofRestore).toMatchObject(restore[2]);
    const isKept = to === 'depot' && backup[2].phase === 'UPLOADING';
    expect((await target.stored()).equals(OLD)).toBe(isKept);
  },
);

test('the next attempt reads back again what could not be read, sends nothing again, and succeeds', async () => {
  const { plain, depot, it } = all;
  await depot.store(archive);
  always(plain, AT.part, FAULTS.status(503));
  always(depot, AT.part, FAULTS.wholeForRange());
  const retry = await holdRetries(it);
  const { body } = await it.client.backup(plain.url, { wait: false });
  const read = await it.client.restore(depot.url);
  expect(read.body).toMatchObject({ state: 'FAILED', attempt: 1, error: IGNORES_RANGES });
  const failed = await it.client.jobWhen(body.id, ({ attempts }) => attempts.length > 0);
  const error = { ...UNREACHABLE, phase: 'VERIFYING', details: { status: 503 }, destinationTouched: true };
  expect(failed.attempts).toMatchObject([{ error }]);
  plain.proxy.give(() => undefined);
  await retry();
  const ended = await it.client.ended(body.id);
  expect(ended).toMatchObject({ state: 'SUCCEEDED', attempt: 2 });
  expect(plain.proxy.seen.map(({ request }) => request.method)).not.toContain('PUT');
  const { archive: made } = ended.result as { archive: { sha256: string } };
  expect(sha256Of(await plain.stored())).toBe(made.sha256);
});
