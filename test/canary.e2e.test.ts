import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';

import { runSystem, startSystem } from '@tidemark/testing';

import {
  expectCallersRefused,
  expectJobsWithSecrets,
  expectNoSecretSeen,
  expectSignedUrlsUsed,
} from './talk.fixture.test.js';
import { REFUSED, TalkativeSystem } from './talkative-system.fixture.test.js';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** Secrets go in wherever they can; nothing that anybody can see may hold one, at the most talkative log level. */
const keys = { secretKey: randomBytes(32).toString('base64'), grantKey: randomBytes(64).toString('base64') };

let system: TalkativeSystem;
beforeAll(async () => {
  system = await TalkativeSystem.open(startSystem, ({ broker }) => ({
    TIDEMARK_SECRET_KEY: keys.secretKey,
    TIDEMARK_GRANT_KEY: keys.grantKey,
    AMQP_URL: `amqp://guest:${broker}@127.0.0.1:9`,
  }));
});
afterAll(() => system.close());

test('jobs that run, succeed and fail', () => expectJobsWithSecrets(system));

test('jobs over HTTP, to a URL that was signed', () => expectSignedUrlsUsed(system));

test.each(REFUSED)('a request that is refused for %s', async (_what, body, code) => {
  expect((await system.request(body(system))).code).toBe(code);
});

test('a bearer under other names is ignored', async () => {
  const { bearer } = system.canaries;
  const { status, job } = await system.request(
    system.backup({ Bearer: bearer, authorization: `Bearer ${bearer}`, more: { bearer } }),
  );
  expect([status, job.warnings.length]).toEqual([200, 3]);
});

test('callers with wrong tokens and without the right to do what they ask for', () => expectCallersRefused(system));

test('a database that is away for a while', async () => {
  await system.whileDatabaseIsAway(async () => {
    for (const path of ['/core/management', '/core/management/jobs', '/core/health/ready', '/notes/a'])
      await system.call('GET', path);
    expect((await system.request(system.backup())).code).toBe('DATABASE_UNAVAILABLE');
  });
  expect((await system.request(system.backup())).status).toBe(200);
});

test('figures, status, health and the description of the API', async () => {
  for (const path of ['/core/metrics', '/core/management', '/core/health/ready', '/core/docs']) {
    expect((await system.call('GET', path, { token: system.canaries.reader })).status).toBe(200);
  }
  await system.sightings.commandLine(system.it.worker.pid);
});

test('starts that fail', async () => {
  const { canaries, database, it, sightings } = system;
  const url = `postgres://me:${canaries.database}@127.0.0.1:9/x`;
  const settings: Record<string, string>[] = [
    { DATABASE_URL: url },
    { DATABASE_URL: url.replace('127.0.0.1:9', '[bad') },
    { DATABASE_URL: url.replace('postgres', 'mysql') },
    { DATABASE_URL: database.url, TIDEMARK_API_TOKENS: `ops:king:${canaries.operator}` },
    { DATABASE_URL: database.url, TIDEMARK_SECRET_KEY: `${keys.secretKey}x` },
  ];
  for (const given of settings) {
    const { code, stderr } = await runSystem({
      TIDEMARK_HOME: it.home,
      TIDEMARK_LOG_LEVEL: 'trace',
      PORT: '0',
      ...given,
    });
    sightings.add(`a start without ${Object.keys(given).at(-1)}`, stderr);
    expect([code, stderr]).toEqual([1, expect.stringContaining(Object.keys(given).at(-1) ?? '')]);
  }
});

test('no secret was seen anywhere', async () => {
  await expectNoSecretSeen(system, keys);
  for (const where of ['jobs.job at the end', 'GET /core/metrics', 'command line', '/events']) {
    expect(system.sightings.at(where).length).toBeGreaterThan(20);
  }
});
