/** A gateway with TIDEMARK_WORKER_TOKENS gives jobs to workers with one of them, and to nobody else. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { anotherWorker, brokerIsThere, startServices, TestProcess, type RunningServices } from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

const [TOKEN, OTHER] = ['token-of-the-workers-0123456789', 'token-of-nobody-0123456789'];
const whereItIs = brokerIsThere() ? describe : describe.skip;

whereItIs('a gateway with tokens of workers', () => {
  let it: RunningServices;
  beforeAll(async () => {
    const settings = { TIDEMARK_WORKER_TOKENS: `another-0123456789, ${TOKEN}`, TIDEMARK_WORKER_TOKEN: TOKEN };
    it = await startServices({ settings });
    await it.client.put('/notes/a', { n: 1 });
  });
  afterAll(() => it.remove());

  /** Beside the worker of the system, with the same settings but for the token; killed if it still runs at the end. */
  function workerWith(token: string): TestProcess {
    return anotherWorker(it, { spool: 'spool-of-another', TIDEMARK_WORKER_TOKEN: token });
  }

  test('gives its jobs to a worker with one of them', async () => {
    expect((await it.client.backup(`file:${it.archives}/a.zip`)).body).toMatchObject({
      state: 'SUCCEEDED',
      attempt: 1,
    });
  });

  test('refuses another, which says so and loses no job', async () => {
    expect(await it.worker.stop()).toBe(0);
    const stranger = await workerWith(OTHER).start();
    const refused = stranger.toldInLog('the gateway refuses this worker: TIDEMARK_WORKER_TOKEN');
    const { body } = await it.client.backup(`file:${it.archives}/b.zip`, { wait: false });
    await refused;
    expect((await it.client.job(body.id)).state).toBe('QUEUED');
    expect(await stranger.stop()).toBe(0);
    await it.worker.start();
    expect(await it.client.ended(body.id)).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
  });

  test('and neither shows a token', () => {
    expect(it.log()).not.toMatch(/-0123456789/);
  });
});

test.each(['secret', 'secret with blanks 0123456789'])('a worker does not start with %j for a token', async (token) => {
  const worker = new TestProcess({
    app: 'transfer-worker',
    settings: { TIDEMARK_WORKER_TOKEN: token, TIDEMARK_GATEWAY_URL: 'http://127.0.0.1:9', TIDEMARK_SPOOL: '/nowhere' },
  });
  const failed = await worker.start().catch((error: unknown) => error as Error);
  expect(failed).toMatchObject({ name: 'NotReadyError', code: 1 });
  expect((failed as Error).message).toContain('TIDEMARK_WORKER_TOKEN: must be a token of at least 16 characters');
  expect((failed as Error).message).not.toContain(token);
});
