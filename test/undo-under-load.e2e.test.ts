/**
 * A hundred restores and their undos over an index that is read and written all the while: at every look it is wholly
 * the one or the other, each acknowledged write is in one generation, and jobs count what they left behind exactly.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { query, startSystem, unusedGenerations, type Answer, type Job, type RunningSystem } from '@tidemark/testing';

import { callAtRate, figuresOf } from './constant-rate.fixture.test.js';
import { PatientClient } from './patient-client.fixture.test.js';

const ROUNDS = 100;
/** Documents that nobody writes to; /kept/0 is there in the archive only, /kept/new/… in the index it is restored over. */
const KEPT = 1000;
/** Each is read in one listing, and always written in one transaction. */
const GROUPS = 10;
const GROUP_MEMBERS = 8;
/** Documents that are not in the archive, each written again and again. */
const WRITTEN = 50;
const READS_PER_SECOND = 40;
const WRITES_PER_SECOND = 40;
/** Of each kind: what is asked of a slow machine is what it can do, all the time. */
const AT_ONCE = 4;
/** Made in each state before it is left. */
const WRITES_PER_STATE = 2;
const MILLIS = 240_000;

type Kept = 'ARCHIVED' | 'LIVE';
/** What one read saw, and how many restores and undos had begun or ended by then: an odd number while one runs. */
interface Seen {
  readonly before: number;
  readonly after: number;
  readonly state?: Kept | undefined;
  readonly epochs?: readonly number[];
}
/** What one request wrote, under one stamp; which generation took it, a bulk write does not answer. */
interface Acknowledged {
  readonly links: readonly string[];
  readonly stamp: number;
  readonly generation?: number;
}
interface Round {
  readonly written: readonly Row[];
  readonly leftByRestore: number;
  readonly leftByUndo: number;
}

let it: RunningSystem;
/** Writes, and undoes restores. */
let patient: PatientClient;
let archive: string;
let steps = 0;
/** Everything under /kept/ as one listing tells it. */
const listings = new Map<string, Kept>();
/** What /kept/0 answers in either. */
const FIRST_KEPT = new Map<string | number, Kept>([
  [200, 'ARCHIVED'],
  ['DOCUMENT_DELETED', 'LIVE'],
]);
beforeAll(async () => {
  it = await startSystem();
  patient = new PatientClient(it.url);
  archive = `file:${it.archives}/a.zip`;
}, MILLIS);
afterAll(() => it.remove(), MILLIS);

test(
  'a restore and its undo, a hundred times, under readers and writers',
  async () => {
    await it.client.bulk([...kept('ARCHIVED'), ...groups(0)]);
    listings.set(await keptListing(), 'ARCHIVED');
    expect((await it.client.backup(archive)).body).toMatchObject({ state: 'SUCCEEDED' });
    const archived = await keptIn((await pointer()).live);
    const { versions: since, lastUpdateTimeMicros } = await it.client.bulk([...kept('LIVE'), ...groups(1)]);
    listings.set(await keptListing(), 'LIVE');
    const { live: original } = await pointer();
    const live = await keptIn(original);
    expect(live).not.toEqual(archived);
    expect([...listings.keys()].filter((text) => text.includes('nextPageLink'))).toEqual([]);

    const reads = callAtRate({ perSecond: READS_PER_SECOND, atOnce: AT_ONCE }, read);
    const writes = callAtRate({ perSecond: WRITES_PER_SECOND, atOnce: AT_ONCE }, write);
    const began = performance.now();
    const rounds: Round[] = [];
    while (rounds.length < ROUNDS) {
      const meanwhile = (): Promise<void> => writes.more(WRITES_PER_STATE);
      rounds.push(await round({ original, archived, live, since: lastUpdateTimeMicros }, meanwhile));
    }
    const seconds = (performance.now() - began) / 1000;
    await Promise.all([reads.more(1), writes.more(WRITES_PER_STATE)]);
    await Promise.all([reads.stop(), writes.stop()]);

    expectReads(reads.calls.map(({ answer }) => answer));
    const written = await writtenIn(original, lastUpdateTimeMicros);
    expectKeptOnce([...written, ...rounds.flatMap((round) => round.written)], writes.calls);
    expectCounts(rounds, { since, written });
    expect((await unusedGenerations(it)).filter((name) => !name.endsWith(' DROPPING'))).toEqual([]);
    expect(it.log()).not.toMatch(/"level":(50|60)/);
    process.stderr.write(
      `undo under load: ${ROUNDS} rounds in ${seconds.toFixed(1)} s, ${written.length} and ` +
        `${rounds.flatMap((round) => round.written).length} versions written · reads: ${figuresOf(reads.calls)} · ` +
        `writes: ${figuresOf(writes.calls)} · ${patient.refusals} asked again\n`,
    );
  },
  MILLIS,
);

interface Known {
  /** The generation that each undo brings back. */
  readonly original: number;
  readonly archived: KeptVersions;
  readonly live: KeptVersions;
  /** The last stamp before there were writers. */
  readonly since: number | null;
}

/** A restore and its undo; both are looked at, in the generation that came and in the one that went. */
async function round({ original, archived, live, since }: Known, meanwhile: () => Promise<void>): Promise<Round> {
  await meanwhile();
  const { id, ...restored } = await step(() => it.client.restore(archive));
  const { live: generation } = await pointer();
  const look = () => Promise.all([pointer(), keptIn(generation), keptIn(original)]);
  expect(await look()).toEqual([{ live: generation, previous: original }, archived, live]);
  await meanwhile();
  const undone = await step(() => patient.call('POST', `/core/management/jobs/${id}/undo`));
  expect(await look()).toEqual([{ live: original, previous: generation }, archived, live]);
  const written = await writtenIn(generation, since);
  return { written, leftByRestore: leftBy(restored), leftByUndo: leftBy(undone) };
}

type Told = Pick<Job, 'id' | 'result'>;

async function step(ask: () => Promise<Answer>): Promise<Told> {
  steps++;
  const { status, body } = await ask();
  steps++;
  expect([status, body]).toEqual([200, expect.objectContaining({ state: 'SUCCEEDED' })]);
  return body as Job;
}

function leftBy({ result }: Pick<Told, 'result'>): number {
  return result && 'versionsLeftBehind' in result ? result.versionsLeftBehind : NaN;
}

async function read(number: number): Promise<Seen> {
  const before = steps;
  if (number % 6 === 0) return { before, state: listings.get(await keptListing()), after: steps };
  if (number % 2 === 0) {
    const { status, body } = await it.client.call<{ code?: string }>('GET', '/kept/0');
    return { before, state: FIRST_KEPT.get(body.code ?? status), after: steps };
  }
  const { status, body } = await it.client.call<{ documents: Record<string, { epoch: number }> }>(
    'GET',
    `/groups/${Math.floor(number / 2) % GROUPS}/?expand`,
  );
  expect(status).toBe(200);
  return { before, epochs: Object.values(body.documents).map(({ epoch }) => epoch), after: steps };
}

async function keptListing(): Promise<string> {
  return await it.client.text('/core/document-index?documentSelfLink=/kept/*&expand&$limit=10000');
}

async function write(number: number): Promise<Acknowledged> {
  if (number % 5 === 0) {
    const documents = groupOf((number / 5) % GROUPS, 2 + number);
    const { lastUpdateTimeMicros } = await patient.bulk(documents);
    return { links: documents.map(([link]) => link), stamp: Number(lastUpdateTimeMicros) };
  }
  const link = `/written/${number % WRITTEN}`;
  const { status, body, headers } = await patient.put(link, { number });
  if (status > 201) throw new Error(`a write answered ${status}: ${JSON.stringify(body)}`);
  const generation = Number(/^"(\d+)-/.exec(headers.get('etag') ?? '')?.[1]);
  return { links: [link], stamp: Number(body.documentUpdateTimeMicros), generation };
}

/** No read saw a mixture, and none that began and ended between two steps saw what had been left. */
function expectReads(all: readonly Seen[]): void {
  const [states, listed] = [
    all.filter((seen) => 'state' in seen),
    all.flatMap(({ epochs }) => (epochs ? [epochs] : [])),
  ];
  expect(listed.filter((epochs) => epochs.length !== GROUP_MEMBERS || new Set(epochs).size !== 1)).toEqual([]);
  expect(states.filter(({ state }) => state === undefined)).toEqual([]);
  const between = states.filter(({ before, after }) => before === after && before % 2 === 0);
  expect(new Set(between.map(({ state }) => state))).toEqual(new Set(['ARCHIVED', 'LIVE']));
  expect(between.filter(({ before, state }) => state !== (before % 4 === 2 ? 'ARCHIVED' : 'LIVE'))).toEqual([]);
}

interface Row {
  readonly generation: number;
  readonly link: string;
  readonly stamp: number;
}

/** What is stored is what was acknowledged: each version once, in the generation that its answer named. */
function expectKeptOnce(stored: readonly Row[], calls: readonly { readonly answer: Acknowledged }[]): void {
  const keyOf = ({ link, stamp }: Pick<Row, 'link' | 'stamp'>): string => `${link} ${stamp}`;
  const acknowledged = calls.flatMap(({ answer: { links, ...rest } }) => links.map((link) => ({ link, ...rest })));
  expect(stored.map(keyOf).sort()).toEqual(acknowledged.map(keyOf).sort());
  const generations = new Map(stored.map((row) => [keyOf(row), row.generation]));
  const named = acknowledged.filter(({ generation }) => generation !== undefined);
  expect(named.filter((one) => generations.get(keyOf(one)) !== one.generation)).toEqual([]);
  expect(named.length).toBeGreaterThan(2 * ROUNDS);
}

/** An undo left behind what was written since its restore; a restore all that the original has and the archive has not. */
function expectCounts(rounds: readonly Round[], original: { since: number; written: readonly Row[] }): void {
  for (const [n, { written, leftByRestore, leftByUndo }] of rounds.entries()) {
    const stamps = written.map(({ stamp }) => stamp);
    const before = original.written.filter(({ stamp }) => stamp < Math.min(...stamps)).length;
    expect([n, leftByRestore, leftByUndo]).toEqual([n, original.since + before, written.length]);
    const meanwhile = original.written.filter(
      ({ stamp }) => stamp >= Math.min(...stamps) && stamp <= Math.max(...stamps),
    );
    expect([n, meanwhile]).toEqual([n, []]);
  }
}

interface Pointer {
  readonly live: number;
  readonly previous: number | null;
}

async function pointer(): Promise<Pointer> {
  const sql = 'SELECT live_generation::int AS live, previous_generation::int AS previous FROM catalog.index';
  const [found] = await query<Pointer & Record<string, number | null>>(it.databaseUrl, sql);
  if (!found) throw new Error('there is no index');
  return { ...found };
}

/** All versions in a generation of the documents that nobody writes to. */
interface KeptVersions {
  readonly versions: number;
  readonly hash: string;
}

async function keptIn(generation: number): Promise<KeptVersions> {
  const [found] = await query<KeptVersions & Record<string, unknown>>(
    it.databaseUrl,
    `SELECT count(*)::int AS versions, md5(string_agg(concat_ws(' ', link, version, update_time_micros, body), E'\\n'
      ORDER BY link, version)) AS hash FROM index_${generation}.document_version WHERE starts_with(link, '/kept/')`,
  );
  return { versions: Number(found?.versions), hash: String(found?.hash) };
}

async function writtenIn(generation: number, since: number | null): Promise<Row[]> {
  const rows = await query<{ link: string; stamp: number }>(
    it.databaseUrl,
    `SELECT link, update_time_micros::float8 AS stamp FROM index_${generation}.document_version
      WHERE NOT starts_with(link, '/kept/') AND update_time_micros > $1`,
    [since],
  );
  return rows.map((row) => ({ generation, ...row }));
}

function kept(state: Kept): (readonly [string, object | null])[] {
  const all = Array.from({ length: KEPT }, (_, n) => [`/kept/${n}`, { state, n, text: 'kept '.repeat(10) }] as const);
  return state === 'ARCHIVED' ? all : [...all.slice(1), ['/kept/0', null], ['/kept/new/a', {}], ['/kept/new/b', {}]];
}

function groups(epoch: number): (readonly [string, object])[] {
  return Array.from({ length: GROUPS }, (_, group) => groupOf(group, epoch)).flat();
}

function groupOf(group: number, epoch: number): (readonly [string, object])[] {
  return Array.from({ length: GROUP_MEMBERS }, (_, n) => [`/groups/${group}/${n}`, { epoch }] as const);
}
