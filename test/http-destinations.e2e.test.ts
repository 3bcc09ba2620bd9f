/** Backups to destinations over HTTP and restores from them: the archive depot, and servers that do not do well. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';

import { fingerprintOf, holdRetries, startSystem, TestProcess, type Job, type RunningSystem } from '@tidemark/testing';

import { expectNothingSpooled } from './spool.fixture.test.js';

jest.setTimeout(90_000); // processes are started: on a busy machine that takes its time

const TOKEN = 'token-of-the-depot-0123456789abcdef';
/** Of a URL that was signed, for whoever has it. */
const SIGNATURE = 'signature-0123456789abcdef';
const CHUNK_BYTES = 64 * 1024;
/** A server that does not answer is given up after 30 s. */
const CANCELLED_WITHIN_MILLIS = 10_000;

let it: RunningSystem;
let depot: TestProcess;
let folder: string;
let other: Server;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-depot-'));
  const settings = { PORT: '0', TIDEMARK_DEPOT_FOLDER: folder, TIDEMARK_DEPOT_TOKENS: TOKEN };
  depot = await new TestProcess({ app: 'archive-depot', settings }).start();
  other = createServer((request, response) => void request.resume().once('end', () => answer(request, response)));
  await once(other.listen(0, '127.0.0.1'), 'listening');
  it = await startSystem({
    settings: {
      TIDEMARK_HTTP_ALLOW: `${depot.url}/archives, ${otherUrl('')}`,
      TIDEMARK_HTTP_ALLOW_PRIVATE: '127.0.0.1',
      TIDEMARK_PART_BYTES: String(64 * 1024),
      TIDEMARK_CHUNK_BYTES: String(CHUNK_BYTES),
    },
  });
  const incompressible = (n: number): string => createHash('sha512').update(String(n)).digest('base64');
  await it.client.bulk(Array.from({ length: 5000 }, (_, n) => [`/kept/${n}`, { text: incompressible(n) }]));
});
afterAll(async () => {
  await it.remove();
  await depot.stop();
  other.close();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  answer = (_request, response) => response.writeHead(500).end();
});

function otherUrl(path: string): string {
  return `http://127.0.0.1:${(other.address() as AddressInfo).port}${path}`;
}

const archive = (name: string): string => `${depot.url}/archives/${name}.zip`;
const bearer = TOKEN;

describe('the archive depot', () => {
  test('takes a backup in ranges, and gives back all of it, or the state of a moment', async () => {
    const first = await fingerprintOf(it);
    const { body: written } = await it.client.put('/kept/0', { n: 'second' });
    const moment = Number(written.documentUpdateTimeMicros);
    const second = await fingerprintOf(it);
    const { status, body } = await it.client.backup(archive('daily/a'), { bearer });
    expect(status).toBe(200);
    expect(body).toMatchObject({ state: 'SUCCEEDED', attempt: 1, result: { versions: 5001, verified: 'EVERY_PART' } });
    expect(body.request.destination).toBe(archive('daily/a'));
    const { archive: made } = body.result as { archive: { bytes: number } };
    expect(made.bytes).toBeGreaterThan(2 * CHUNK_BYTES);
    await expectNothingSpooled(it);

    await it.client.put('/kept/1', { n: 'lost' });
    const back = await it.client.restore(archive('daily/a'), { bearer });
    expect(back.body).toMatchObject({ state: 'SUCCEEDED', result: { versions: 5001, versionsLeftBehind: 1 } });
    expect((await fingerprintOf(it)).hash).toBe(second.hash);
    const then = { bearer, timeSnapshotBoundaryMicros: moment - 1 };
    expect((await it.client.restore(archive('daily/a'), then)).body.state).toBe('SUCCEEDED');
    expect((await fingerprintOf(it)).hash).toBe(first.hash);
  });

  test('keeps the archive that is there when it does not know the caller', async () => {
    expect((await it.client.backup(archive('b'), { bearer })).status).toBe(200);
    const { status, body } = await it.client.backup(archive('b'), { bearer: 'another-token-0123456789' });
    expect([status, body.error]).toMatchObject([502, { code: 'DESTINATION_REFUSED', details: { status: 401 } }]);
    expect(body.error).not.toHaveProperty('destinationTouched');
    expect(JSON.stringify(body)).not.toContain('another-token');
    await expectNothingSpooled(it);
    expect((await it.client.restore(archive('b'), { bearer })).status).toBe(200);
  });

  test('has nothing of that name', async () => {
    const { status, body } = await it.client.restore(archive('none'), { bearer });
    expect([status, body.error?.code]).toEqual([422, 'ARCHIVE_NOT_FOUND']);
  });
});

describe('another server', () => {
  test('that stores every chunk as the whole is found out, and the job says that it has overwritten something', async () => {
    let stored = Buffer.alloc(0);
    answer = (request, response) => {
      if (request.method === 'GET') response.end(stored);
      else response.writeHead(200).end();
    };
    other.removeAllListeners('request').on('request', (request: IncomingMessage, response: ServerResponse) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.once('end', () => {
        if (request.method === 'PUT') stored = Buffer.concat(chunks);
        answer(request, response);
      });
    });
    const { status, body } = await it.client.backup(otherUrl('/a.zip'));
    expect(status).toBe(502);
    expect(body.error).toMatchObject({
      code: 'DESTINATION_IGNORES_RANGES',
      phase: 'UPLOADING',
      destinationTouched: true,
    });
    await expectNothingSpooled(it);
  });

  test('that redirects is not followed', async () => {
    const asked: (string | undefined)[] = [];
    answer = (request, response) => {
      asked.push(request.url);
      response.writeHead(307, { location: `${depot.url}/archives/stolen.zip` }).end();
    };
    const { status, body } = await it.client.backup(otherUrl('/a.zip'), { bearer });
    expect([status, body.error?.code]).toEqual([502, 'DESTINATION_REFUSED']);
    expect(new Set(asked)).toEqual(new Set(['/a.zip']));
  });

  test('gets the bearer and the signed query, and nobody else sees them', async () => {
    const seen: string[] = [];
    answer = (request, response) => {
      seen.push(`${request.headers.authorization ?? ''} ${request.url ?? ''}`);
      response.writeHead(403).end();
    };
    const { body } = await it.client.backup(otherUrl(`/a.zip?sig=${SIGNATURE}`), { bearer });
    expect(body).toMatchObject({ state: 'FAILED', error: { code: 'DESTINATION_REFUSED', details: { status: 403 } } });
    expect(seen).toEqual([`Bearer ${TOKEN} /a.zip?sig=${SIGNATURE}`]);
    expect(body.request.destination).toBe(otherUrl('/a.zip?sig=***'));
    const told = JSON.stringify(await jobsAsTold()) + it.log();
    for (const secret of [TOKEN, SIGNATURE]) expect(told).not.toContain(secret);
  });

  test('that is not there for a while is asked again, and then by the next attempt', async () => {
    let refusals = 0;
    answer = (_request, response) => {
      refusals++;
      response.writeHead(503, { 'retry-after': '0' }).end();
    };
    const retry = await holdRetries(it);
    const { body } = await it.client.restore(otherUrl('/a.zip'), { wait: false });
    const failed = await it.client.jobWhen(body.id, ({ attempts }) => attempts.length === 1);
    expect(failed).toMatchObject({ state: 'QUEUED', attempts: [{ error: { code: 'DESTINATION_UNREACHABLE' } }] });
    expect(refusals).toBeGreaterThan(3);
    expect((await it.client.cancel(body.id)).body.state).toBe('CANCELLED');
    await retry();
  });

  test('that does not answer: the upload is seen, and cancelled at once', async () => {
    answer = () => undefined;
    const { body } = await it.client.backup(otherUrl('/a.zip'), { wait: false });
    const uploading = await it.client.jobWhen(body.id, ({ phase }) => phase === 'UPLOADING');
    expect(uploading.progress).toMatchObject({ bytesDone: 0, bytesTotal: expect.any(Number), percent: 0 });
    const begun = performance.now();
    expect((await it.client.cancel(body.id)).status).toBe(202);
    expect((await it.client.ended(body.id)).state).toBe('CANCELLED');
    expect(performance.now() - begun).toBeLessThan(CANCELLED_WITHIN_MILLIS);
    await expectNothingSpooled(it);
  });
});

async function jobsAsTold(): Promise<readonly Job[]> {
  const { body } = await it.client.call<{ documents?: Record<string, Job> }>('GET', '/core/management/jobs?expand');
  return Object.values(body.documents ?? {});
}
