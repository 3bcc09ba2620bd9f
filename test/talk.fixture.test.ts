import { expect } from '@jest/globals';

import { query } from '@tidemark/testing';

import type { Canaries } from './canaries.fixture.test.js';
import type { TalkativeSystem } from './talkative-system.fixture.test.js';

/** Jobs with a bearer that run, succeed and fail; it is sealed while it is needed, and then gone. */
export async function expectJobsWithSecrets(system: TalkativeSystem): Promise<void> {
  const { database, proxy, sightings } = system;
  await system.call('PUT', '/notes/a', { body: { n: 1 } });
  const held = proxy.hold('tidemark-part');
  const running = system.request(system.backup());
  await held.reached;
  await sightings.tables(database.url, 'while a job runs');
  const [{ sealed } = { sealed: '' }] = await query<{ sealed: string }>(
    database.url,
    'SELECT sealed_secrets AS sealed FROM jobs.job',
  );
  expect(sealed).toMatch(/^[0-9a-f]{8}\.[\w-]{40,}$/);
  held.release();
  const { status, job } = await running;
  expect([status, job.request.bearer]).toEqual([200, '***']);
  const failed = await system.request(system.restore({ destination: system.archive('none') }));
  expect(failed.job.error?.code).toBe('ARCHIVE_NOT_FOUND');
  expect((await system.request(system.restore())).status).toBe(200);
  for (const path of [
    `/core/management/jobs/${job.id}`,
    `/core/management/jobs/${job.id}/events`,
    '/core/management/jobs',
  ]) {
    expect((await system.call('GET', path)).text).toContain('"bearer":"***"');
  }
  await sightings.tables(database.url, 'after the jobs');
  expect(await query(database.url, 'SELECT FROM jobs.job WHERE sealed_secrets IS NOT NULL')).toEqual([]);
}

/** Jobs to and from a URL that was signed, with a bearer: both reach its server, and jobs that succeed and fail show neither. */
export async function expectSignedUrlsUsed(system: TalkativeSystem): Promise<void> {
  const { server, canaries, database, sightings } = system;
  const destination = system.servedUrl;
  const { status, job } = await system.request(system.backup({ destination }));
  expect([status, job.request.destination]).toEqual([200, `${server.url}?X-Amz-Date=***&X-Amz-Signature=***`]);
  expect((await system.request(system.restore({ destination }))).status).toBe(200);
  server.refuse(403);
  const failed = await system.request(system.backup({ destination }));
  expect(failed.job.error).toMatchObject({ code: 'DESTINATION_REFUSED', details: { status: 403 } });
  await system.call('GET', `/core/management/jobs/${failed.job.id}/events`);
  await sightings.tables(database.url, 'after jobs over HTTP');
  const { pathname, search } = new URL(destination);
  expect(new Set(server.asked)).toEqual(new Set([`Bearer ${canaries.bearer} ${pathname}${search}`]));
}

/** Wrong tokens, and a right one for what it is not for. */
export async function expectCallersRefused(system: TalkativeSystem): Promise<void> {
  const { guess, operator, reader } = system.canaries;
  expect((await system.call('GET', '/notes/a', { token: guess })).status).toBe(401);
  expect((await system.call('PATCH', '/core/management', { token: reader, body: system.backup() })).status).toBe(403);
  expect((await system.call('GET', `/notes/a?token=${operator}`, { token: 'none' })).status).toBe(401);
}

/** Stops the system, and looks at everything that was seen of it, its logs and its tables. */
export async function expectNoSecretSeen(
  { it, sightings, database, canaries }: TalkativeSystem,
  more: Canaries,
): Promise<void> {
  await sightings.tables(database.url, 'at the end');
  expect(await it.stop()).toBe(0);
  for (const { app, log } of it.processes) {
    sightings.add(`the log of ${app}`, log);
    expect(log).toMatch(/"level":(10|20)/);
  }
  expect(sightings.leaks({ ...canaries, ...more })).toEqual([]);
  expect(it.log()).toContain('"requestId"');
}
