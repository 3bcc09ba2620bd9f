import { BACKUP_KIND } from '@tidemark/contracts';
import { ConfigError, silentLogger, unusedPort, type Logger } from '@tidemark/platform';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { errorOf, GatewayFixture, jobOf } from './gateway.fixture.test.js';
import { FakeWorker, RESULT } from './worker.fixture.test.js';

let fixture: GatewayFixture;
beforeAll(async () => {
  fixture = await GatewayFixture.open({ TIDEMARK_PATCH_WAIT_SECONDS: '60' });
});
afterAll(() => fixture.close());

describe('a gateway that cannot start as it was told', () => {
  test.each([
    ['PORT', 'url'],
    ['TIDEMARK_INTERNAL_PORT', 'internalUrl'],
  ] as const)('because %s is in use', async (setting, url) => {
    const port = Number(new URL(fixture.gateway[url]).port);
    const other = GatewayFixture.open({ [setting]: String(port) });
    await expect(other).rejects.toThrow(`port ${port} is in use; start with ${setting}=${port + 1}`);
  });

  test('because everybody could do everything', async () => {
    await expect(GatewayFixture.open({ HOST: '0.0.0.0' })).rejects.toThrow(ConfigError);
  });

  test('because its database is not there', async () => {
    const other = GatewayFixture.open({ DATABASE_URL: `postgres://postgres@127.0.0.1:${await unusedPort()}/x` });
    await expect(other).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  });
});

describe('a folder for archives that cannot be used', () => {
  test('is told at start, in its refusal and in the status, in the same words', async () => {
    const file = '/dev/null';
    const warnings: unknown[] = [];
    const log = {
      ...silentLogger,
      child: () => log,
      warn: (text: unknown) => void warnings.push(text),
    } as unknown as Logger;
    const other = await GatewayFixture.open({ TIDEMARK_FILE_ROOTS: `${fixture.root},${file}` }, log);
    const refused = errorOf(await other.patch({ kind: BACKUP_KIND, destination: `file:${file}/a.zip` }));
    expect(refused).toMatchObject({ statusCode: 403, code: 'ROOT_UNUSABLE' });
    expect(refused.message).toContain(`file:${fixture.root}/archive.zip`);
    expect(warnings).toContain(refused.message);
    expect((await other.status()).fileRoots).toEqual([
      { root: fixture.root, serves: ['BACKUP', 'RESTORE'], complaint: null },
      { root: file, serves: [], complaint: refused.message },
    ]);
    await other.close();
  });
});

describe('TIDEMARK_PATCH_WAIT_SECONDS', () => {
  const patch = (name: string, headers = {}): ReturnType<GatewayFixture['patch']> =>
    fixture.patch({ kind: BACKUP_KIND, destination: fixture.destination(name) }, headers);

  test('waits for callers who do not ask for it', async () => {
    const worker = new FakeWorker(fixture);
    const waiting = patch('old-script.zip');
    await worker.succeed(await worker.rungFor('old-script.zip'));
    const answer = await waiting;
    expect([answer.status, jobOf(answer).state]).toEqual([200, 'SUCCEEDED']);
    expect(answer.headers['preference-applied']).toBeUndefined();
  });

  test.each([
    ['wait=0', 'wait=0'],
    ['respond-async', 'respond-async'],
  ])('gives way to %s', async (prefer, applied) => {
    const answer = await patch('at-once.zip', { prefer });
    expect([answer.status, answer.headers['preference-applied']]).toEqual([202, applied]);
  });
});

describe('health and figures', () => {
  test('are told on the public port', async () => {
    expect((await fixture.ask({ path: '/core/health/live' })).status).toBe(200);
    const ready = await fixture.ask({ path: '/core/health/ready' });
    expect([ready.status, ready.text]).toEqual([200, '{"ready":true,"problems":{"database":[],"messaging":[]}}']);
    const metrics = await fixture.ask({ path: '/core/metrics' });
    expect(metrics.text).toMatch(
      /^tidemark_http_request_duration_seconds_count\{service="gateway",route="\/core\/health\/live".* 1$/m,
    );
  });
});

describe('a gateway that stops', () => {
  test('answers who waits with the job as it is; another one goes on with it', async () => {
    const first = await GatewayFixture.open();
    const worker = new FakeWorker(first);
    const destination = first.destination('long.zip');
    const waiting = first.patch({ kind: BACKUP_KIND, destination }, { prefer: 'wait=600' });
    const id = await worker.rungFor('long.zip');
    const watching = first.events(id);
    expect(await watching.next()).toMatchObject({ value: { job: { state: 'QUEUED' } } });
    const claim = await worker.run(id);
    expect(await watching.next()).toMatchObject({ value: { job: { state: 'RUNNING' } } });
    await worker.finishing(claim);
    expect(await watching.next()).toMatchObject({ value: { job: { state: 'FINISHING' } } });
    await first.stop();
    const answer = await waiting;
    expect([answer.status, jobOf(answer).state]).toEqual([202, 'FINISHING']);
    expect(await watching.next()).toEqual({ done: true, value: undefined });

    await worker.settle(claim, { state: 'SUCCEEDED', result: RESULT });
    await first.start();
    expect((await first.jobIn(id, 'SUCCEEDED')).result).toEqual(RESULT);
    await first.close();
  });
});
