import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

import {
  buildStatusSchema,
  GRANT_HEADER,
  stagedGenerationSchema,
  switchRequestSchema,
  RemoteError,
  toErrorBody,
  type ErrorCode,
  type StagedGeneration,
  type SwitchEffect,
  type SwitchRequest,
  type WireClaim,
} from '@tidemark/contracts';
import { unusedPort } from '@tidemark/platform';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';

import { exchange, GatewayFixture } from '../gateway.fixture.test.js';
import { IndexProcess } from '../index-process.fixture.test.js';
import { FakeWorker } from '../worker.fixture.test.js';

const SEEN = { documents: 0, versions: 0, effectiveBoundaryMicros: 5, partsRead: 0, partsSkipped: 0 };
const effectOf = ({ generation, expectedLive }: StagedGeneration): SwitchEffect => ({
  kind: 'SWITCH',
  generation,
  expectedLive,
  ...SEEN,
});

describe('with a real index-service', () => {
  let fixture: GatewayFixture;
  let worker: FakeWorker;
  let index: IndexProcess;
  beforeAll(async () => {
    fixture = await GatewayFixture.open();
    await fixture.stop();
    index = await IndexProcess.start(fixture.database.url, await unusedPort());
    await fixture.start({ TIDEMARK_INDEX_URL: index.url });
    worker = new FakeWorker(fixture);
  });
  afterAll(async () => {
    await fixture.close();
    await index.stop();
  });

  const put = (path: string): Promise<unknown> =>
    fixture.ask({ method: 'PUT', path, headers: { 'content-type': 'application/json' }, body: '{}' });
  const post = async (url: string, body?: object, grant = ''): Promise<unknown> => {
    const { pathname } = new URL(url);
    const headers = { 'content-type': 'application/json', [GRANT_HEADER]: grant };
    const call = { method: 'POST', path: pathname, headers, ...(body ? { body: JSON.stringify(body) } : {}) };
    return JSON.parse((await exchange(url, call)).text);
  };

  /** A restore of an empty archive, up to where its generation is built. */
  const staged = async (): Promise<{ claim: WireClaim; generation: StagedGeneration }> => {
    const claim = await worker.run((await fixture.restore()).id);
    const archive = { manifestSha256: 'b'.repeat(64), system: 'x', generation: 1, closedTimeMicros: 5 };
    const none = { documents: 0, versions: 0, earliestUpdateTimeMicros: null, latestUpdateTimeMicros: null };
    const { jobId, fence, indexUrl } = claim;
    const request = { jobId, fence, archive: { ...archive, ...none }, boundaryMicros: null };
    const generation = stagedGenerationSchema.parse(await post(`${indexUrl}/staged-generations`, request, claim.grant));
    let build = buildStatusSchema.parse(await post(`${generation.session}/build`));
    while (build.state === 'RUNNING') {
      const answer = await exchange(generation.session, { path: `${new URL(generation.session).pathname}/build` });
      build = buildStatusSchema.parse(JSON.parse(answer.text));
    }
    expect(build.state).toBe('DONE');
    return { claim, generation };
  };

  test('the switch is made at once, and the job says what it left behind', async () => {
    await put('/a/1');
    await put('/a/2');
    const { claim, generation } = await staged();
    expect(await worker.finishing(claim, effectOf(generation))).toBe('GO');
    const job = await fixture.jobIn(claim.jobId, 'SUCCEEDED');
    expect(job.result).toEqual({
      ...SEEN,
      seconds: expect.any(Number),
      generation: generation.generation,
      previousGeneration: generation.expectedLive,
      versionsLeftBehind: 2,
      restartRequired: false,
    });
    expect((await fixture.ask({ path: '/a/1' })).status).toBe(404);
  });

  test('a live generation that is another one by now ends the restore', async () => {
    await put('/a/1');
    const { claim, generation } = await staged();
    const effect = { ...effectOf(generation), expectedLive: generation.expectedLive + 1000 };
    await worker.finishing(claim, effect);
    const job = await fixture.jobIn(claim.jobId, 'FAILED');
    expect(job).toMatchObject({ result: null, error: { code: 'INDEX_MOVED', phase: 'SWITCHING', retriable: false } });
    expect((await fixture.ask({ path: '/a/1' })).status).toBe(200);
  });

  test('an index-service that is down is asked again until it is up', async () => {
    const { claim, generation } = await staged();
    const { port } = index;
    await index.stop('SIGKILL');
    expect(await worker.finishing(claim, effectOf(generation))).toBe('GO');
    const waiting = await fixture.jobWhen(claim.jobId, ({ attempts }) => attempts.length > 0);
    expect(waiting).toMatchObject({
      state: 'FINISHING',
      phase: 'SWITCHING',
      attempts: [{ error: { code: 'INDEX_UNAVAILABLE', message: 'the index-service does not answer' } }],
    });
    index = await IndexProcess.start(fixture.database.url, port);
    const job = await fixture.jobIn(claim.jobId, 'SUCCEEDED');
    expect(job.result).toMatchObject({ generation: generation.generation, versionsLeftBehind: 1 });
  });
});

describe('with an index-service that answers as a test wants it', () => {
  let fixture: GatewayFixture;
  let worker: FakeWorker;
  let server: Server;
  const asked: SwitchRequest[] = [];
  const answers: { status: number; body: string }[] = [];
  let gate = Promise.withResolvers<undefined>();

  beforeAll(async () => {
    server = createServer((request, response) => {
      void Promise.all([text(request), gate.promise]).then(([body]) => {
        asked.push(switchRequestSchema.parse(JSON.parse(body)));
        const { status, body: answer } = answers.shift() ?? { status: 404, body: '' };
        response.writeHead(status, { 'content-type': 'application/json' }).end(answer);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    fixture = await GatewayFixture.open({ TIDEMARK_INDEX_URL: `http://127.0.0.1:${port}/` });
    worker = new FakeWorker(fixture);
  });
  afterAll(async () => {
    await fixture.close();
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    asked.length = 0;
    gate.resolve(undefined);
  });
  afterEach(() => expect(answers).toEqual([]));

  const EFFECT: SwitchEffect = { kind: 'SWITCH', generation: 8, expectedLive: 7, ...SEEN };
  const switched = {
    status: 200,
    body: JSON.stringify({ outcome: 'SWITCHED', generation: 8, previousGeneration: 7, versionsLeftBehind: 3 }),
  };

  const failed = (code: ErrorCode): { status: number; body: string } => {
    const body = toErrorBody(new RemoteError({ code, message: 'as it is' }));
    return { status: body.statusCode, body: JSON.stringify(body) };
  };

  test.each([
    ['is busy', failed('SWITCH_BUSY'), 'SWITCH_BUSY'],
    ['fails', failed('INTERNAL'), 'INDEX_UNAVAILABLE'],
  ] as const)('one that %s is asked again, for it may have switched', async (_name, first, code) => {
    answers.push(first, switched);
    const claim = await worker.run((await fixture.restore()).id);
    expect(claim.indexUrl).toBe(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await worker.finishing(claim, EFFECT);
    const job = await fixture.jobIn(claim.jobId, 'SUCCEEDED');
    expect(job.attempts).toMatchObject([{ error: { code, phase: 'SWITCHING', retriable: true } }]);
    expect(job.result).toMatchObject({ versionsLeftBehind: 3, restartRequired: false });
    const request = { jobId: claim.jobId, generation: 8, expectedLive: 7 };
    expect(asked).toEqual([request, request]);
  });

  test('while it is being asked it is not asked a second time', async () => {
    answers.push(switched);
    gate = Promise.withResolvers();
    const claim = await worker.run((await fixture.restore()).id);
    const verdicts = await Promise.all([1, 2, 3].map(() => worker.finishing(claim, EFFECT)));
    expect(verdicts).toEqual(['GO', 'GO', 'GO']);
    gate.resolve(undefined);
    await fixture.jobIn(claim.jobId, 'SUCCEEDED');
    expect(asked).toHaveLength(1);
  });
});
