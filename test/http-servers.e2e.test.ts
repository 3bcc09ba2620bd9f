/** Archives on servers that anybody may have: nginx over a folder, and a server that knows no ranges. */
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { temporaryNginx, type TemporaryNginx } from '@tidemark/local-services';
import { exchange, startSystem, type RunningSystem } from '@tidemark/testing';

import { nginxIfThere } from './nginx.fixture.test.js';
import { expectNothingSpooled } from './spool.fixture.test.js';
import { expectBack, writeTwoStates, type TwoStates } from './two-states.fixture.test.js';

jest.setTimeout(90_000); // processes are started: on a busy machine that takes its time

const program = await nginxIfThere();

let it: RunningSystem;
let folder: string;
let nginx: TemporaryNginx | undefined;
let plain: Server;
/** Of each request to the plain server. */
const asked: string[] = [];
let tellsLength: boolean;
let states: TwoStates;
let archive: Buffer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-served-'));
  nginx = program && (await temporaryNginx({ program, server: served(folder), logFormat: LOG_FORMAT }));
  plain = createServer(({ method = '', url = '' }, response) => {
    asked.push(`${method} ${url}`);
    response.writeHead(200, tellsLength ? { 'content-length': archive.length } : {}).end(archive);
  });
  await once(plain.listen(0, '127.0.0.1'), 'listening');
  it = await startSystem({
    settings: {
      TIDEMARK_HTTP_ALLOW: [plainUrl(), ...(nginx ? [nginx.url] : [])].join(),
      TIDEMARK_HTTP_ALLOW_PRIVATE: '127.0.0.1',
      TIDEMARK_PART_BYTES: String(64 * 1024),
    },
  });
  states = await writeTwoStates(it, 100);
  expect((await it.client.backup(`file:${it.archives}/a.zip`)).status).toBe(200);
  await copyFile(join(it.archives, 'a.zip'), join(folder, 'a.zip'));
  archive = await readFile(join(folder, 'a.zip'));
});
afterAll(async () => {
  await it.remove();
  plain.close();
  await nginx?.stop();
  await rm(folder, { recursive: true });
});

const plainUrl = (): string => `http://127.0.0.1:${(plain.address() as AddressInfo).port}`;

const LOG_FORMAT = '$request_method $status $body_bytes_sent $sent_http_content_encoding $http_range';

/** One folder three times: as it is, where answers are compressed for those who ask, and where it can be written to. */
function served(root: string): string {
  return `
    location /files/ { alias ${root}/; client_max_body_size 0; }
    location /zipped/ { alias ${root}/; gzip on; gzip_types *; gzip_min_length 0; }
    location /written/ { alias ${root}/; dav_methods PUT; client_max_body_size 0; }
  `;
}

const whereItIs = program ? describe : describe.skip;

whereItIs('nginx', () => {
  const url = (path: string): string => `${nginx?.url ?? ''}${path}`;
  /** What was asked for under `work`, field by field. */
  async function requestsOf(work: () => Promise<void>): Promise<string[][]> {
    const before = await nginx?.requests();
    await work();
    const lines = await nginx?.requests();
    return (lines ?? []).slice(before?.length).map((line) => line.split(' '));
  }

  test('over a folder gives back what the boundary needs, by ranges and nothing else', async () => {
    const requests = await requestsOf(() => expectBack(it, url('/files/a.zip'), states));
    expect(new Set(requests.map(([method, status, , encoding]) => [method, status, encoding].join(' ')))).toEqual(
      new Set(['GET 206 -']),
    );
    for (const [, , , , range] of requests) expect(range).toMatch(/^bytes=\d+-\d+$/);
    const sent = requests.reduce((sum, [, , bytes]) => sum + Number(bytes), 0);
    expect(sent).toBeGreaterThan(2 * archive.length);
    expect(sent).toBeLessThan(2.5 * archive.length);
    await expectNothingSpooled(it);
  });

  test('that compresses for those who ask is not asked to', async () => {
    const zipped = await exchange(url('/zipped/a.zip'), { headers: { 'accept-encoding': 'gzip' } });
    expect(zipped.headers['content-encoding']).toBe('gzip');
    const requests = await requestsOf(() => expectBack(it, url('/zipped/a.zip'), states));
    expect(new Set(requests.map(([, status, , encoding]) => `${status} ${encoding}`))).toEqual(new Set(['206 -']));
  });

  test('that refuses ranges of a PUT gets the whole in one, and gives it back', async () => {
    const requests = await requestsOf(async () => {
      const { body } = await it.client.backup(url('/written/b.zip'));
      expect(body).toMatchObject({ state: 'SUCCEEDED', result: { verified: 'EVERY_PART' } });
    });
    expect(requests.filter(([method]) => method === 'PUT').map(([, status]) => status)).toEqual(['501', '201']);
    await expectBack(it, url('/written/b.zip'), states);
    await expectNothingSpooled(it);
  });

  test.each([
    ['takes no PUT', '/files/a.zip', 405, /it answered 405$/],
    ['takes only small PUTs', '/zipped/a.zip', 413, /smaller chunks may help$/],
  ])('that %s refuses a backup, and nothing is touched', async (_, path, status, message) => {
    const { body } = await it.client.backup(url(path));
    expect(body).toMatchObject({ state: 'FAILED', error: { code: 'DESTINATION_REFUSED', details: { status } } });
    expect(body.error?.message).toMatch(message);
    expect(body.error).not.toHaveProperty('destinationTouched');
    expect(archive.equals(await readFile(join(folder, 'a.zip')))).toBe(true);
  });
});

describe('a server without ranges', () => {
  test.each([true, false])('is asked once for each restore, and its length is told: %j', async (told) => {
    tellsLength = told;
    asked.length = 0;
    await expectBack(it, `${plainUrl()}/a.zip`, states);
    expect(asked).toEqual(Array.from({ length: 3 }, () => 'GET /a.zip'));
    await expectNothingSpooled(it);
  });
});
