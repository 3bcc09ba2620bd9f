import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';

import { environment } from '@tidemark/platform';
import {
  fingerprintOf,
  query,
  startSystem,
  versionsOf,
  type Job,
  type RunningSystem,
  type StoredVersion,
} from '@tidemark/testing';

import { textOf, type Content } from './document-model.fixture.test.js';
import { History, LINKS, operation, perform, type Operation, type Write } from './history.fixture.test.js';

/**
 * Whole histories, generated, through two systems: one that they are written to and backed up from, one that is restored
 * to every moment of them. `TIDEMARK_TEST_RUNS` makes them more, `TIDEMARK_TEST_SEED` runs what has failed once again.
 */
const { TIDEMARK_TEST_RUNS, TIDEMARK_TEST_SEED } = environment();
const RUNS = Number(TIDEMARK_TEST_RUNS ?? 4);

jest.setTimeout(120_000 + RUNS * 60_000);

let source: RunningSystem;
let target: RunningSystem;
beforeAll(async () => {
  source = await startSystem({ settings: { TIDEMARK_PART_BYTES: '65536' } });
  target = await startTarget();
  expect((await source.client.backup(archive('empty'))).body.state).toBe('SUCCEEDED');
});
afterAll(() => Promise.all([source.remove(), target.remove()]));

/** It has its archives where the source has them. */
async function startTarget(): Promise<RunningSystem> {
  return await startSystem({ settings: { TIDEMARK_FILE_ROOTS: source.archives, TIDEMARK_PART_BYTES: '65536' } });
}

const archive = (name: string): string => `file:${source.archives}/${name}.zip`;

type Result = Readonly<Record<string, number | null>>;

async function backUp(system: RunningSystem, name: string): Promise<Result & { readonly closedTimeMicros: number }> {
  return resultOf((await system.client.backup(archive(name))).body) as Result & { closedTimeMicros: number };
}

async function restore(system: RunningSystem, name: string, boundary?: number): Promise<Result> {
  const fields = boundary === undefined ? {} : { timeSnapshotBoundaryMicros: boundary };
  return resultOf((await system.client.restore(archive(name), fields)).body);
}

function resultOf({ state, error, warnings, result }: Job): Result {
  expect({ state, error, warnings }).toEqual({ state: 'SUCCEEDED', error: null, warnings: [] });
  return result as unknown as Result;
}

/** The latest version of each link as of a time, tombstones too, in the order of links. */
function latestAt(versions: readonly StoredVersion[], time = Infinity): StoredVersion[] {
  const latest = new Map<string, StoredVersion>();
  for (const version of versions) if (version.stamp <= time) latest.set(version.link, version);
  return [...latest.values()];
}

const isLive = ({ action }: StoredVersion): boolean => action !== 'DELETE';
const PREFIX = '/core/document-index?documentSelfLink=/*';

/** The public reads of a state answer with what the versions say, byte for byte; `asOf` is a time or the latest. */
async function expectState(system: RunningSystem, versions: readonly StoredVersion[], asOf?: number): Promise<void> {
  const states = latestAt(versions, asOf);
  const live = states.filter(isLive);
  const time = asOf === undefined ? '' : `timeSnapshotBoundaryMicros=${asOf}`;
  const whole = await system.client.text(`${PREFIX}&expand&includeDeleted&$limit=10000&${time}`);
  const documents = states.map((state) => `${JSON.stringify(state.link)}:${textOf(state)}`).join(',');
  const links = JSON.stringify(states.map(({ link }) => link));
  expect(whole).toBe(`{"documentLinks":${links},"documents":{${documents}},"documentCount":${states.length}}`);

  expect(await pagedLinks(system, `${PREFIX}&$limit=3&${time}`)).toEqual(live.map(({ link }) => link));
  for (const parent of ['', '/a', '/a/b', '/odd']) {
    const children = live.filter(({ link }) => link.slice(0, link.lastIndexOf('/')) === parent);
    const listed = await pagedLinks(system, `${parent}/?$limit=2&${time}`);
    expect([parent, listed]).toEqual([parent, children.map(({ link }) => link)]);
  }
  await Promise.all(LINKS.map((link) => expectDocument(system, { link, states, time })));
}

async function pagedLinks(system: RunningSystem, first: string): Promise<string[]> {
  const links: string[] = [];
  for (let next: string | undefined = first; next !== undefined;) {
    const page = JSON.parse(await system.client.text(next)) as { documentLinks: string[]; nextPageLink?: string };
    links.push(...page.documentLinks);
    next = page.nextPageLink;
  }
  return links;
}

/** A document answers; else its children, if it has any; else why there is none. */
async function expectDocument(
  { client }: RunningSystem,
  { link, states, time }: { link: string; states: readonly StoredVersion[]; time: string },
): Promise<void> {
  const text = await client.text(`${link}?${time}`);
  const state = states.find((one) => one.link === link);
  if (state && isLive(state)) {
    expect(text).toBe(textOf(state));
    return;
  }
  const children = states.filter((one) => isLive(one) && one.link.slice(0, one.link.lastIndexOf('/')) === link);
  expect([link, JSON.parse(text)]).toEqual([
    link,
    expect.objectContaining(
      children.length > 0
        ? { documentLinks: children.map((one) => one.link) }
        : { code: state ? 'DOCUMENT_DELETED' : 'DOCUMENT_NOT_FOUND' },
    ),
  ]);
}

interface Expected {
  readonly name: string;
  readonly expected: readonly StoredVersion[];
  readonly boundary?: number;
}

/** Restores, and holds everything that the system says and shows against the versions that it must have then. */
async function expectRestored(system: RunningSystem, { name, expected, boundary }: Expected): Promise<void> {
  const before = await versionsOf(system);
  const result = await restore(system, name, boundary);
  const key = ({ link, version, stamp }: StoredVersion): string => `${link} ${version} ${stamp}`;
  const kept = new Set(expected.map(key));
  expect(result).toMatchObject({
    documents: latestAt(expected).filter(isLive).length,
    versions: expected.length,
    versionsLeftBehind: before.filter((version) => !kept.has(key(version))).length,
    ...(boundary === undefined ? {} : { effectiveBoundaryMicros: boundary }),
  });
  expect(await versionsOf(system)).toEqual(expected);
  await expectState(system, expected);
}

/** Every stamp, one microsecond before it and one after it, to and fro, so that each restore finds another state. */
function boundariesOf(stamps: readonly number[], closed: number): number[] {
  const [first = 0] = stamps;
  const around = stamps.flatMap((stamp) => [stamp - 1, stamp, stamp + 1]);
  const all = [...new Set([...around, closed - 1, closed])].filter((time) => time >= first && time <= closed);
  const rising = all.sort((a, b) => a - b);
  return rising.map((_, n) => rising[n % 2 === 0 ? n / 2 : all.length - (n + 1) / 2]!);
}

interface Run {
  /** Done before and after a restore to the moment of one of the first versions, where there is any. */
  readonly first: readonly Operation[];
  readonly second: readonly Operation[];
  readonly goBackTo: number;
  /** Writes with a floor ahead of the clock: stamps lie one microsecond apart, and fall together where they can. */
  readonly ahead: boolean;
}

const run: fc.Arbitrary<Run> = fc.record({
  first: fc.array(operation, { minLength: 3, maxLength: 9, size: 'max' }),
  second: fc.array(operation, { maxLength: 4, size: 'max' }),
  goBackTo: fc.nat(12),
  ahead: fc.boolean(),
});

const some: Content = { members: [['n', '0.10']], fat: 40_000, kind: 'com:x', expiration: 0 };
const one = (method: Write['method'], link: string): Write => {
  return { type: 'write', method, link, content: some, match: 'none', encoded: false };
};
const lines = (...all: [link: string, content: Content | null][]): Operation => {
  return { type: 'bulk', lines: all.map(([link, content]) => ({ link, content })), bad: null };
};

/** What every run of this file shall have done: a life by single calls and one by bulk, deletes of what is not there too. */
const LIVES: Run = {
  first: [
    ...(['PUT', 'PATCH', 'DELETE', 'DELETE', 'POST', 'PUT'] as const).map((method) => one(method, '/a')),
    lines(['/a', null], ['/a/b', some], ['/A/b', null], ['/a/b', null], ['/a/b', null], ['/a/b', some], ['/a', some]),
    { type: 'together', writes: [one('DELETE', '/a'), one('PATCH', '/a/b'), one('PUT', '/a/b/c')] },
    lines(['/A/b', null]),
  ],
  second: [lines(['/a', some], ['/a/b', null]), one('POST', '/a/b/c')],
  goBackTo: 6,
  ahead: true,
};

const PARAMETERS: fc.Parameters<[Run]> = {
  numRuns: RUNS,
  examples: [[LIVES]],
  endOnFailure: true,
  ...(TIDEMARK_TEST_SEED === undefined ? {} : { seed: Number(TIDEMARK_TEST_SEED) }),
};

/** Leaves what the history says in the source. */
async function write({ first, second, goBackTo, ahead }: Run): Promise<History> {
  await restore(source, 'empty');
  const floor = ahead ? '(extract(epoch FROM now()) * 1000000)::bigint + 100000000' : '0';
  for (const { databaseUrl } of [source, target])
    await query(databaseUrl, `UPDATE catalog.index SET stamp_floor = ${floor}`);
  const history = new History();
  for (const one of first) await perform(source, history, one);
  const moment = history.stamps()[goBackTo];
  if (moment !== undefined) {
    await backUp(source, 'first');
    await restore(source, 'first', moment);
    history.cutAt(moment);
  }
  for (const one of second) await perform(source, history, one);
  return history;
}

async function holds(generated: Run): Promise<void> {
  const history = await write(generated);
  const versions = history.versions();
  expect(await versionsOf(source)).toEqual(versions);
  const { closedTimeMicros: closed, ...backup } = await backUp(source, 'whole');
  const stamps = history.stamps();
  expect(backup).toMatchObject({
    documents: latestAt(versions).filter(isLive).length,
    versions: versions.length,
    earliestUpdateTimeMicros: stamps[0] ?? null,
    latestUpdateTimeMicros: stamps.at(-1) ?? null,
  });
  expect(closed).toBeGreaterThanOrEqual(stamps.at(-1) ?? 0);

  await expectRestored(target, { name: 'whole', expected: versions });
  for (const { link, version, ...rest } of versions) {
    const read = `/core/document-index?documentSelfLink=${encodeURIComponent(link)}&documentVersion=${version}`;
    expect(await target.client.text(read)).toBe(textOf({ link, version, ...rest }));
  }

  const boundaries = boundariesOf(stamps, closed);
  for (const [n, boundary] of boundaries.entries()) {
    const expected = history.versions(boundary);
    await expectState(source, versions, boundary);
    await expectRestored(target, { name: 'whole', expected, boundary });
    if (n !== 1 && n !== boundaries.length - 1) continue;
    expect(await restore(target, 'whole', boundary)).toMatchObject({ versionsLeftBehind: 0 });
    expect(await versionsOf(target)).toEqual(expected);
    const second = await backUp(target, 'second');
    expect(second.closedTimeMicros).toBeGreaterThanOrEqual(boundary);
    await expectRestored(target, { name: 'whole', expected: history.versions(stamps[0]), boundary: stamps[0]! });
    await expectRestored(target, { name: 'second', expected });
  }
  await restore(source, 'whole');
  expect(await versionsOf(source)).toEqual(versions);
}

describe('over generated histories', () => {
  test('a restore brings back every version, and at every moment what was there then', async () => {
    await fc.assert(fc.asyncProperty(run, holds), PARAMETERS);
  });

  test('into a system that never held anything too', async () => {
    const goesOver = async (generated: Run): Promise<void> => {
      const history = await write(generated);
      await backUp(source, 'over');
      const fresh = await startTarget();
      try {
        await expectRestored(fresh, { name: 'over', expected: history.versions() });
        expect((await fingerprintOf(fresh)).hash).toBe((await fingerprintOf(source)).hash);
      } finally {
        await fresh.remove();
      }
    };
    await fc.assert(fc.asyncProperty(run, goesOver), { ...PARAMETERS, numRuns: Math.ceil(RUNS / 3) });
  });
});
