import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { systemClock } from '@tidemark/platform';
import { brokerIsThere, exchange, type RawAnswer } from '@tidemark/testing';

import { altered, attemptGrant, foreignGrant, inAMinute, Intruder, type Ask } from './grants.fixture.test.js';

jest.setTimeout(90_000); // processes are started: on a busy machine that takes its time

/** The internal ports of a running system, called by somebody who was not asked: refused, and logged once each. */
const whereItIs = brokerIsThere() ? describe : describe.skip;

const ATTEMPT = { jobId: randomUUID(), fence: 3 };
const ARCHIVE = {
  manifestSha256: 'f'.repeat(64),
  system: 'x',
  generation: 1,
  closedTimeMicros: 1,
  documents: 0,
  versions: 0,
  earliestUpdateTimeMicros: null,
  latestUpdateTimeMicros: null,
};
const SNAPSHOT: Ask = ['POST', '/snapshots', ATTEMPT];
const STAGE: Ask = ['POST', '/staged-generations', { ...ATTEMPT, archive: ARCHIVE, boundaryMicros: null }];
/** Only the gateway may ask for these. */
const OF_THE_GATEWAY: Ask[] = [
  ['POST', '/switch', { jobId: ATTEMPT.jobId, generation: 2, expectedLive: 1 }],
  ['POST', '/undo', { wantedLive: 2, wantedPrevious: 1 }],
  ['GET', '/figures'],
  ['GET', '/documents/kept/a'],
  ['PUT', '/documents/kept/a', { n: 2 }],
  ['POST', '/documents/kept', { n: 2 }],
  ['PATCH', '/documents/kept/a', { n: 2 }],
  ['DELETE', '/documents/kept/a'],
  ['GET', '/document-index?documentSelfLink=/*'],
  ['POST', '/document-index', { documentSelfLink: '/kept/a' }],
];
const FORBIDDEN = { code: 'FORBIDDEN', statusCode: 403 };

whereItIs('a system of three processes', () => {
  let intruder: Intruder;
  beforeAll(async () => {
    intruder = await Intruder.open();
    await intruder.it.client.put('/kept/a', { n: 1 });
  });
  afterAll(() => intruder.it.remove());

  const archive = (): string => `file:${intruder.it.archives}/a.zip`;

  /** Nothing is opened and nothing is written. */
  async function expectRefused(ask: Ask, grant: string | undefined, reason: string): Promise<void> {
    const before = await intruder.opened();
    expect(await intruder.refusal(ask, grant)).toEqual({ ...FORBIDDEN, reason: expect.stringContaining(reason) });
    expect(await intruder.opened()).toEqual(before);
    expect((await intruder.it.client.call('GET', '/kept/a')).body).toMatchObject({ n: 1, documentVersion: 0 });
  }

  const gateway = () => ({ to: 'GATEWAY', expiresAtMicros: inAMinute() }) as const;
  const backup = () => attemptGrant(ATTEMPT);
  const restore = () => attemptGrant({ ...ATTEMPT, operation: 'RESTORE' });
  const expired = (): string => intruder.sign({ ...backup(), expiresAtMicros: past });
  const past = systemClock.nowMicros() - 1;

  test.each([SNAPSHOT, STAGE, ...OF_THE_GATEWAY])('without a grant: %s %s', async (...ask) => {
    await expectRefused(ask, undefined, 'there is no grant');
  });

  test.each(OF_THE_GATEWAY)('with the grant of an attempt, what is the gateway’s alone: %s %s', async (...ask) => {
    await expectRefused(ask, intruder.attemptGrant(ATTEMPT), 'is for an attempt');
  });

  test.each<[what: string, ask: Ask, grant: () => string, reason: string]>([
    ['of a backup, for staging', STAGE, () => intruder.sign(backup()), 'for no RESTORE'],
    ['of a restore, for a snapshot', SNAPSHOT, () => intruder.sign(restore()), 'for no BACKUP'],
    ['of the gateway, for a snapshot', SNAPSHOT, () => intruder.sign(gateway()), 'for no BACKUP'],
    ['of the gateway, for staging', STAGE, () => intruder.sign(gateway()), 'for no RESTORE'],
    [
      'of another index, for a snapshot',
      SNAPSHOT,
      () => intruder.sign({ ...backup(), index: '/core/other' }),
      'for another index',
    ],
    [
      'of another index, for staging',
      STAGE,
      () => intruder.sign({ ...restore(), index: '/core/other' }),
      'for another index',
    ],
    ['of another job, for a snapshot', SNAPSHOT, () => intruder.attemptGrant(), 'for another attempt'],
    [
      'of another job, for staging',
      STAGE,
      () => intruder.attemptGrant({ operation: 'RESTORE' }),
      'for another attempt',
    ],
    ['that has expired, for a snapshot', SNAPSHOT, expired, 'has expired'],
    [
      'that has expired, for staging',
      STAGE,
      () => intruder.sign({ ...restore(), expiresAtMicros: past }),
      'has expired',
    ],
    ['signed by another key, for a snapshot', SNAPSHOT, () => foreignGrant(backup()), 'is forged'],
    ['signed by another key, for staging', STAGE, () => foreignGrant(restore()), 'is forged'],
    [
      'with another fence in it',
      SNAPSHOT,
      () => altered(intruder.sign({ ...backup(), fence: 2 }), { fence: 3 }),
      'forged',
    ],
    [
      'with another operation in it',
      STAGE,
      () => altered(intruder.sign(backup()), { operation: 'RESTORE' }),
      'is forged',
    ],
    ['with a later end in it', SNAPSHOT, () => altered(expired(), { expiresAtMicros: inAMinute() }), 'is forged'],
    ['that is cut', SNAPSHOT, () => intruder.sign(backup()).slice(0, -8), 'is forged'],
    ['without its signature', SNAPSHOT, () => intruder.sign(backup()).split('.')[0] ?? '', 'is forged'],
    ['without its body', SNAPSHOT, () => `.${intruder.sign(backup()).split('.')[1] ?? ''}`, 'is forged'],
    ['that is nonsense', SNAPSHOT, () => 'Z2FyYmFnZQ.Z2FyYmFnZQ', 'is forged'],
    ['that is nothing', STAGE, () => '', 'is forged'],
  ])('with a grant %s', async (_what, ask, grant, reason) => {
    await expectRefused(ask, grant(), reason);
  });

  test.each<[what: string, ask: Ask, grant: () => string, reason: string]>([
    ['signed by another key', ['POST', '/switch', {}], () => foreignGrant(gateway()), 'is forged'],
    ['made of an attempt’s', ['POST', '/switch', {}], () => altered(intruder.sign(backup()), gateway()), 'is forged'],
    ['that has expired', ['GET', '/figures'], () => intruder.sign({ to: 'GATEWAY', expiresAtMicros: past }), 'expired'],
  ])('with a gateway’s grant %s', async (_what, ask, grant, reason) => {
    await expectRefused(ask, grant(), reason);
  });

  test('with the grant of an attempt that another has followed; that one’s opens a snapshot', async () => {
    intruder.it.worker.freeze();
    const { body } = await intruder.it.client.backup(archive(), { wait: false });
    const first = await intruder.claim(body.id);
    await intruder.handBack(first);
    const second = await intruder.claim(body.id);
    expect(second.fence).toBeGreaterThan(first.fence);
    const asked = ({ fence }: { fence: number }): Ask => ['POST', '/snapshots', { jobId: body.id, fence }];

    const before = await intruder.opened();
    const opened = await intruder.ask(asked(second), second.grant);
    expect(opened.status).toBe(201);
    expect(await intruder.opened()).toEqual({ ...before, sessions: before.sessions + 1 });
    await expectRefused(asked(first), first.grant, 'that another has followed');
    await expectRefused(asked(second), first.grant, 'that another has followed');
    const { pathname } = new URL((JSON.parse(opened.text) as { session: string }).session);
    expect((await intruder.ask(['DELETE', pathname])).status).toBe(204);
    expect(await intruder.opened()).toEqual(before);

    await intruder.handBack(second);
    intruder.it.worker.thaw();
    expect(await intruder.it.client.ended(body.id)).toMatchObject({ state: 'SUCCEEDED' });
  });

  describe('the ports of the gateway', () => {
    const settled = { fence: 1, outcome: { state: 'CANCELLED' } };
    const effect = { kind: 'SWITCH', generation: 2, expectedLive: 1, documents: 0, versions: 0 };
    const finishing = { fence: 1, effect: { ...effect, effectiveBoundaryMicros: 1, partsRead: 0, partsSkipped: 0 } };

    test('the public one takes what a worker says for a document, and nothing comes of it', async () => {
      intruder.it.worker.freeze();
      const { body: job } = await intruder.it.client.backup(archive(), { wait: false });
      const { id } = job;
      const says: (readonly [verb: string, body: object])[] = [
        ['claim', { claimId: randomUUID(), worker: 'intruder' }],
        ['heartbeat', { fence: 1 }],
        ['finishing', finishing],
        ['settled', { jobId: id, ...settled }],
      ];
      for (const said of says) {
        const answer = await intruder.tell(intruder.it.url, id, said);
        expect([said[0], answer.status, JSON.parse(answer.text)]).toEqual([
          said[0],
          201,
          expect.objectContaining({ documentSelfLink: expect.stringContaining(`/internal/jobs/${id}/${said[0]}/`) }),
        ]);
      }
      expect(await intruder.it.client.job(id)).toMatchObject({ state: 'QUEUED', attempt: 0, revision: job.revision });
      await intruder.handBack(await intruder.claim(id)); // the other port does heed it
      intruder.it.worker.thaw();
      expect(await intruder.it.client.ended(id)).toMatchObject({ state: 'SUCCEEDED' });
    });

    test.each([
      ['GET', '/core/management'],
      ['PATCH', '/core/management'],
      ['GET', '/core/management/jobs'],
      ['GET', '/core/management/jobs/01990000-0000-7000-8000-000000000000'],
      ['DELETE', '/core/management/jobs/01990000-0000-7000-8000-000000000000'],
      ['GET', '/core/docs'],
      ['GET', '/core/document-index?documentSelfLink=/*'],
      ['POST', '/core/document-index'],
      ['GET', '/kept/a'],
      ['PUT', '/kept/a'],
      ['POST', '/snapshots'],
      ['POST', '/switch'],
    ])('the internal one has no %s %s', async (method, path) => {
      expect(codeOf(await exchange(intruder.internalUrl, { method, path }))).toEqual([404, 'NOT_FOUND']);
    });

    test('the internal one answers no web page', async () => {
      const path = `/internal/jobs/${randomUUID()}/heartbeat`;
      const headers = { origin: 'http://localhost:8000', 'content-type': 'application/json' };
      const answer = await exchange(intruder.internalUrl, { method: 'POST', path, headers, body: '{"fence":1}' });
      expect(codeOf(answer)).toEqual([403, 'ORIGIN_FOREIGN']);
    });
  });

  test('jobs run as before', async () => {
    const { client } = intruder.it;
    expect((await client.backup(archive())).body).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
    expect((await client.restore(archive())).body).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
    expect((await client.call('GET', '/kept/a')).body).toMatchObject({ n: 1 });
  });

  test('each refusal was logged once, with its reason and without its grant', async () => {
    expect(intruder.refused.length).toBeGreaterThan(45);
    expect(await intruder.it.stop()).toBe(0);
    for (const { requestId, grant } of intruder.refused) {
      const told = intruder.linesOf(requestId).filter(({ level }) => Number(level) >= 40);
      expect(told).toEqual([
        expect.objectContaining({ msg: 'a call was refused', reason: expect.any(String), path: expect.any(String) }),
      ]);
      for (const part of grant.split('.').filter(({ length }) => length > 8)) {
        expect(intruder.it.log()).not.toContain(part.slice(0, 40));
        expect(intruder.it.log()).not.toContain(part.slice(-40));
      }
    }
    const { privateKey, publicKey } = intruder.it.services.grantKeys;
    for (const key of [privateKey, publicKey, intruder.it.services.secretKey]) {
      expect(intruder.it.log()).not.toContain(key);
    }
    expect(intruder.it.log()).toMatch(/"level":(10|20)/);
  });
});

function codeOf({ status, text }: RawAnswer): [status: number, code: unknown] {
  return [status, (JSON.parse(text) as { code?: unknown }).code];
}
