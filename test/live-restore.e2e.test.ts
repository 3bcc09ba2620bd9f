/**
 * A restore over an index that is read and written all the while: nobody fails, nobody sees a mixture, and what was
 * acknowledged is in the previous generation or in the new one, exactly as the job counts it. Prints what it measured.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';

import type { Job } from '@tidemark/contracts';
import { query, startSystem, type RunningSystem } from '@tidemark/testing';

import { callAtRate, figuresOf, type Call } from './constant-rate.fixture.test.js';
import { PatientClient } from './patient-client.fixture.test.js';

const BALLAST = 100_000;
/** Documents read one by one; all say ARCHIVED in the archive and LIVE in the index it is restored over. */
const SINGLES = 500;
/** Each is read in one listing, and always written in one transaction. */
const GROUPS = 40;
const GROUP_MEMBERS = 8;
/** Documents that are not in the archive, each written again and again. */
const WRITTEN = 100;
const READS_PER_SECOND = 200;
const WRITES_PER_SECOND = 50;
/** Of each kind: what is asked of a slow machine is what it can do. */
const AT_ONCE = 32;
/** Of the writes, one in so many rewrites a group. */
const GROUP_WRITE_EVERY = 5;
const MILLIS = 300_000;

type Kept = 'ARCHIVED' | 'LIVE';
/** What one read saw: the state of a single document, or the epochs of a group. */
type Seen = { readonly state: Kept } | { readonly epochs: readonly number[] };
/** A version that the index has acknowledged; which one it is, a bulk write does not answer. */
interface Acknowledged {
  readonly link: string;
  readonly version: number | undefined;
  readonly stamp: number;
}

let it: RunningSystem;
let writer: PatientClient;
beforeAll(async () => {
  it = await startSystem();
  writer = new PatientClient(it.url);
}, MILLIS);
afterAll(() => it.remove(), MILLIS);

test(
  'a restore under readers and writers',
  async () => {
    await it.client.bulk(ballast());
    await it.client.bulk([...singles('ARCHIVED'), ...allGroups(0)]);
    const archive = `file:${it.archives}/live.zip`;
    expect((await it.client.backup(archive)).body).toMatchObject({ state: 'SUCCEEDED' });
    await it.client.bulk([...singles('LIVE'), ...allGroups(1)]);
    const before = SINGLES + GROUPS * GROUP_MEMBERS;

    const reads = callAtRate({ perSecond: READS_PER_SECOND, atOnce: AT_ONCE }, read);
    const writes = callAtRate({ perSecond: WRITES_PER_SECOND, atOnce: AT_ONCE }, write);
    await Promise.all([reads.more(READS_PER_SECOND), writes.more(2 * WRITTEN)]);
    const began = performance.now();
    const { body: asked } = await it.client.restore(archive, { wait: false });
    const job = await it.client.ended(asked.id);
    const ended = performance.now();
    await Promise.all([reads.more(READS_PER_SECOND), writes.more(2 * WRITTEN)]);
    await Promise.all([reads.stop(), writes.stop()]);

    expect(job).toMatchObject({
      state: 'SUCCEEDED',
      result: { documents: BALLAST + before, versions: BALLAST + before },
    });
    const switched = checkReads(reads.calls);
    const acknowledged = writes.calls.flatMap(({ answer }) => answer);
    const { live, previous } = await generations();
    const [inPrevious, inLive] = await Promise.all([keptIn(previous, acknowledged), keptIn(live, acknowledged)]);
    const kept = new Set([...inPrevious, ...inLive]);
    expect(acknowledged.filter((version) => !kept.has(version))).toEqual([]);
    expect(inPrevious.length + inLive.length).toBe(acknowledged.length);

    const left = await leftBehind({ live, previous });
    const count = leftBehindOf(job);
    expect(Object.values(left).reduce((sum, of) => sum + of, 0)).toBe(count);
    expect(count).toBe(before + inPrevious.length);
    expect(left.written).toBe(beforeTheSwitch(acknowledged));

    const during = <T>(calls: readonly Call<T>[], from = began, to = ended): Call<T>[] =>
      calls.filter((call) => call.ended >= from && call.began <= to);
    process.stderr.write(
      `live restore of ${BALLAST + before} documents, ${((ended - began) / 1000).toFixed(1)} s, ` +
        `${count} versions left behind · reads: ${figuresOf(during(reads.calls))} · ` +
        `writes: ${figuresOf(during(writes.calls))}, ${writer.refusals} asked again · within 250 ms of the switch: ` +
        `reads ${figuresOf(during(reads.calls, switched - 250, switched + 250))} · ` +
        `writes ${figuresOf(during(writes.calls, switched - 250, switched + 250))}\n`,
    );
  },
  MILLIS,
);

async function read(number: number): Promise<Seen> {
  if (number % 4 === 0) {
    const { status, body } = await it.client.call<{ documents: Record<string, { epoch: number }> }>(
      'GET',
      `/groups/${(number / 4) % GROUPS}/?expand`,
    );
    if (status !== 200) throw new Error(`a listing answered ${status}: ${JSON.stringify(body)}`);
    return { epochs: Object.values(body.documents).map(({ epoch }) => epoch) };
  }
  const { status, body } = await it.client.call<{ state: Kept }>('GET', `/singles/${(number * 7) % SINGLES}`);
  if (status !== 200) throw new Error(`a read answered ${status}: ${JSON.stringify(body)}`);
  return { state: body.state };
}

/** Epochs of groups begin at 2: 0 is the archive's and 1 that of the index before. */
async function write(number: number): Promise<Acknowledged[]> {
  if (number % GROUP_WRITE_EVERY === 0) {
    const group = (number / GROUP_WRITE_EVERY) % GROUPS;
    const { lastUpdateTimeMicros } = await writer.bulk(groupOf(group, 2 + number));
    return groupOf(group, 0).map(([link]) => ({ link, version: undefined, stamp: lastUpdateTimeMicros ?? NaN }));
  }
  const link = `/written/${number % WRITTEN}`;
  const { status, body } = await writer.put(link, { number });
  if (status > 201) throw new Error(`a write answered ${status}: ${JSON.stringify(body)}`);
  return [{ link, version: Number(body.documentVersion), stamp: Number(body.documentUpdateTimeMicros) }];
}

/** Returns when the first read was answered that saw the archive's state. */
function checkReads(calls: readonly Call<Seen>[]): number {
  const singleReads = calls.flatMap(({ began, ended, answer }) =>
    'state' in answer ? [{ began, ended, state: answer.state }] : [],
  );
  const groupReads = calls.flatMap(({ answer }) => ('epochs' in answer ? [answer.epochs] : []));
  expect(groupReads.length).toBeGreaterThan(READS_PER_SECOND / 4);
  expect(groupReads.filter((epochs) => epochs.length !== GROUP_MEMBERS || new Set(epochs).size !== 1)).toEqual([]);
  expect(new Set(singleReads.map(({ state }) => state))).toEqual(new Set(['ARCHIVED', 'LIVE']));
  const switched = Math.min(...singleReads.filter(({ state }) => state === 'ARCHIVED').map(({ ended }) => ended));
  expect(singleReads.filter(({ began, state }) => began > switched && state === 'LIVE')).toEqual([]);
  return switched;
}

interface Generations {
  readonly live: string;
  readonly previous: string;
}

async function generations(): Promise<Generations> {
  const [row] = await query<{ live: number; previous: number }>(
    it.databaseUrl,
    'SELECT live_generation AS live, previous_generation AS previous FROM catalog.index',
  );
  return { live: `index_${row?.live}.document_version`, previous: `index_${row?.previous}.document_version` };
}

/** Versions of the previous generation that the new one does not have, by the first segment of their links. */
async function leftBehind({ live, previous }: Generations): Promise<Record<string, number>> {
  const rows = await query<{ kind: string; count: number }>(
    it.databaseUrl,
    `SELECT split_part(link, '/', 2) AS kind, count(*)::int AS count FROM (
       SELECT link, version, update_time_micros FROM ${previous} EXCEPT
       SELECT link, version, update_time_micros FROM ${live}) AS lost GROUP BY 1`,
  );
  return Object.fromEntries(rows.map(({ kind, count }) => [kind, count]));
}

/** What was acknowledged and is in a generation. */
async function keptIn(versions: string, acknowledged: readonly Acknowledged[]): Promise<Acknowledged[]> {
  const rows = await query<{ link: string; version: number; stamp: number }>(
    it.databaseUrl,
    `SELECT link, version::int AS version, update_time_micros::float8 AS stamp FROM ${versions}
      WHERE link LIKE '/written/%' OR link LIKE '/groups/%'`,
  );
  const kept = new Set(rows.flatMap(({ link, version, stamp }) => [`${link} ${stamp}`, `${link} ${stamp} ${version}`]));
  return acknowledged.filter(({ link, version, stamp }) =>
    kept.has(version === undefined ? `${link} ${stamp}` : `${link} ${stamp} ${version}`),
  );
}

/**
 * How many of these versions of `/written/…` were written before the switch, from the answers alone: none of the links
 * is in the archive, so behind the switch each begins again at version 0.
 */
function beforeTheSwitch(acknowledged: readonly Acknowledged[]): number {
  const histories = new Map<string, number[]>();
  for (const { link, version } of [...acknowledged].sort((a, b) => a.stamp - b.stamp)) {
    if (version !== undefined) histories.set(link, [...(histories.get(link) ?? []), version]);
  }
  return [...histories.values()].reduce((count, versions) => {
    const again = versions.lastIndexOf(0);
    expect(versions).toEqual([...Array(again).keys(), ...Array(versions.length - again).keys()]);
    return count + again;
  }, 0);
}

function leftBehindOf({ result }: Job): number {
  return result && 'versionsLeftBehind' in result ? result.versionsLeftBehind : NaN;
}

function* ballast(): Generator<readonly [string, object]> {
  for (let n = 0; n < BALLAST; n++) yield [`/ballast/${n % 100}/${n}`, { n, text: `${n} `.repeat(20) }];
}

function singles(state: Kept): (readonly [string, object])[] {
  return Array.from({ length: SINGLES }, (_, n) => [`/singles/${n}`, { state }] as const);
}

function allGroups(epoch: number): (readonly [string, object])[] {
  return Array.from({ length: GROUPS }, (_, group) => groupOf(group, epoch)).flat();
}

function groupOf(group: number, epoch: number): (readonly [string, object])[] {
  return Array.from({ length: GROUP_MEMBERS }, (_, n) => [`/groups/${group}/${n}`, { epoch }] as const);
}
