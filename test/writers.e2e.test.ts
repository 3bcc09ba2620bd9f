import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import {
  fingerprintOf,
  holdLocks,
  PostgresProxy,
  query,
  startSystem,
  versionsOf,
  waitingForLock,
  type Job,
  type RunningSystem,
  type StoredVersion,
} from '@tidemark/testing';

import { PatientClient } from './patient-client.fixture.test.js';

jest.setTimeout(180_000); // processes are started: on a busy machine that takes its time

/** Backups and reads while eight writers write. Archives are looked into by a second system, which restores them. */
let proxy: PostgresProxy;
let it: RunningSystem;
let other: RunningSystem;
beforeAll(async () => {
  proxy = await PostgresProxy.open();
  it = await startSystem({ proxy, settings: { TIDEMARK_PART_BYTES: '65536', TIDEMARK_PARALLELISM: '4' } });
  other = await startSystem({ settings: { TIDEMARK_FILE_ROOTS: it.archives } });
});
afterAll(async () => {
  await Promise.all([it.remove(), other.remove()]);
  await proxy.close();
});

const archive = (name: string): string => `file:${it.archives}/${name}.zip`;

function succeeded(job: Job): { readonly closedTimeMicros: number } {
  expect(job).toMatchObject({ state: 'SUCCEEDED', attempt: 1, warnings: [] });
  return job.result as unknown as { closedTimeMicros: number };
}

async function backUp(name: string): Promise<number> {
  return succeeded((await it.client.backup(archive(name))).body).closedTimeMicros;
}

/** What an archive holds, up to a boundary where one is given: in the other system, which is left in that state. */
async function restored(name: string, boundary?: number): Promise<StoredVersion[]> {
  const fields = boundary === undefined ? {} : { timeSnapshotBoundaryMicros: boundary };
  succeeded((await other.client.restore(archive(name), fields)).body);
  return await versionsOf(other);
}

/** Makes the clock stand still for stamps: each lies one microsecond over the floor, and what runs side by side may share it. */
async function setFloorAhead(): Promise<void> {
  const [row] = await query<{ floor: string }>(
    it.databaseUrl,
    `UPDATE catalog.index SET stamp_floor = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + 120000000
      RETURNING stamp_floor AS floor`,
  );
  expect(Number(row?.floor)).toBeGreaterThan(0);
}

/** Runs something over and over, eight times side by side, with the number of the writer and of the turn, from 1. */
class Writers {
  static readonly COUNT = 8;
  #stopped = false;
  readonly #running: Promise<unknown>;

  constructor(write: (writer: number, turn: number) => Promise<unknown>) {
    const run = async (writer: number): Promise<void> => {
      for (let turn = 1; !this.#stopped; turn++) await write(writer, turn);
    };
    this.#running = Promise.all(Array.from({ length: Writers.COUNT }, (_, writer) => run(writer)));
    this.#running.catch(() => undefined);
  }

  /** Resolves when every writer has ended its turn; throws what one of them met. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }
}

describe('archives of different moments', () => {
  const GATE = 4711;
  beforeAll(async () => {
    const { liveGeneration } = await fingerprintOf(it);
    await query(
      it.databaseUrl,
      `CREATE FUNCTION wait_at_the_gate() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_advisory_xact_lock_shared(${GATE}); RETURN NULL; END $$;
      CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON index_${liveGeneration}.document_version
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (starts_with(NEW.link, '/slow/')) EXECUTE FUNCTION wait_at_the_gate()`,
    );
  });

  /** Transactions of slow writers stay where they are about to commit. */
  async function holdCommits(): Promise<Held> {
    const gate = await holdLocks(it.databaseUrl, `SELECT pg_advisory_xact_lock(${GATE})`);
    await waitingForLock(it.databaseUrl, 'tidemark-writer');
    return { release: () => gate.end() };
  }

  /** Transactions of all writers stay where they are. */
  async function holdWriters(): Promise<Held> {
    const held = proxy.hold('tidemark-writer');
    await held.reached;
    return held;
  }

  /** A write that waits for over three seconds is given up: nothing of it may be anywhere then. */
  function heldTooLong(error: unknown): void {
    expect(String(error)).toContain('"statusCode":503');
  }

  test('agree on every time that both have closed, however slowly a writer commits', async () => {
    const writers = new Writers(async (writer, turn) => {
      const folder = `/${writer < 3 ? 'slow' : 'quick'}/${writer}`;
      if (writer % 2 === 1) await it.client.put(`${folder}/a`, { turn });
      else await it.client.bulk(['a', 'b', 'c'].map((name) => [`${folder}/${name}`, { turn }])).catch(heldTooLong);
    });
    const closed: number[] = [];
    for (const hold of [holdCommits, holdWriters, holdCommits, holdWriters, holdCommits]) {
      closed.push(await backUpAround(await hold(), `moment-${closed.length}`));
    }
    await writers.stop();
    await backUp('last');
    const all = await restored('last');
    expect(all).toEqual(await versionsOf(it));
    for (const [round, time] of closed.entries()) {
      const known = all.filter(({ stamp }) => stamp <= time);
      expect(await restored(`moment-${round}`)).toEqual(known);
      expect(await restored('last', time)).toEqual(known);
      const earlier = known[Math.floor(known.length / 2)]!.stamp;
      expect(await restored(`moment-${round}`, earlier)).toEqual(all.filter(({ stamp }) => stamp <= earlier));
      const asOf = `&timeSnapshotBoundaryMicros=${earlier}`;
      expect(await other.client.documents()).toEqual(await it.client.documents('/', asOf));
    }
  });
});

describe.each(['by the clock', 'one microsecond apart'])('stamps %s', (stamps) => {
  const run = stamps.replaceAll(' ', '-');
  let patient: PatientClient;
  beforeAll(async () => {
    patient = new PatientClient(it.url);
    if (stamps !== 'by the clock') await setFloorAhead();
  });

  test('no time tears a batch', async () => {
    const links = Array.from({ length: 6 }, (_, n) => `/${run}/${n}`);
    const made = new Map<number, string>();
    const writers = new Writers(async (writer, turn) => {
      const batch = turn % 5 === 0 ? null : `${writer}-${turn}`;
      const order = links.map((_, n) => links[(n + writer) % links.length]!);
      const { versions, lastUpdateTimeMicros } = await patient.bulk(
        order.map((link) => [link, batch ? { batch } : null]),
      );
      if (versions > 0) made.set(lastUpdateTimeMicros!, batch ?? '');
    });
    /** The batch that all documents are of; none where there are none. */
    const batchAt = async ({ client }: RunningSystem, time?: number): Promise<string> => {
      const asOf = time === undefined ? '' : `&timeSnapshotBoundaryMicros=${time}`;
      const found = [...(await client.documents(`/${run}/`, asOf))].map(
        ([, text]) => (JSON.parse(text) as { batch: string }).batch,
      );
      expect([time, found]).toEqual([time, found.length === 0 ? [] : links.map(() => found[0])]);
      return found[0] ?? '';
    };
    const seen = async (): Promise<number> => {
      const times = [...made.keys()];
      const time = times[Math.floor(Math.random() * times.length)] ?? 1;
      await batchAt(it);
      await batchAt(it, time + 1);
      await batchAt(it, Number.MAX_SAFE_INTEGER);
      if (made.has(time)) expect([time, await batchAt(it, time)]).toEqual([time, made.get(time)]);
      return times.length;
    };
    while ((await seen()) < 100);
    const closed = await backUp(run);
    while ((await seen()) < 150);
    await writers.stop();
    const times = [...made.keys()].filter((time) => time <= closed).sort((a, b) => a - b);
    expect(times.length).toBeGreaterThan(99);
    for (let n = 0; n < times.length; n += 25) {
      const time = times[n]!;
      await restored(run, time);
      expect([time, await batchAt(other)]).toEqual([time, made.get(time)]);
      if (n > 0) {
        await restored(run, time - 1);
        expect([time, await batchAt(other)]).toEqual([time, await batchAt(it, time - 1)]);
      }
    }
  });

  test('a backup holds all that was acknowledged before it, and of each writer no write without those before it', async () => {
    const sent = new Array<number>(Writers.COUNT).fill(0);
    const acknowledged = [...sent];
    const link = (writer: number, turn: number): string => `/${run}-${writer}/${turn % 2}`;
    /** The last turn of a writer, as a reader finds it. */
    const lastOf = async (writer: number): Promise<number> => {
      const found = await it.client.documents(`/${run}-${writer}/`);
      return Math.max(0, ...[...found.values()].map((text) => (JSON.parse(text) as Turn).turn));
    };
    const writers = new Writers(async (writer, turn) => {
      sent[writer] = turn;
      const before = await lastOf((writer + 1) % Writers.COUNT);
      const to = link(writer, turn);
      const fields = { turn, before };
      if (writer % 3 === 0) await patient.bulk([[to, fields]]);
      else {
        const method = writer % 3 === 1 || turn < 3 ? 'PUT' : 'PATCH';
        expect((await patient.call(method, to, { body: fields })).status).toBeLessThan(300);
      }
      acknowledged[writer] = turn;
    });
    for (let round = 0; round < 4; round++) {
      const before = [...acknowledged];
      await backUp(`${run}-${round}`);
      const after = [...sent];
      const histories = turnsOf(await restored(`${run}-${round}`), (writer) => `/${run}-${writer}/`);
      for (const [writer, history] of histories.entries()) {
        const turns = history.map(({ turn }) => turn);
        expect([writer, turns]).toEqual([writer, turns.map((_, n) => n + 1)]);
        expect(turns.length).toBeGreaterThanOrEqual(before[writer]!);
        expect(turns.length).toBeLessThanOrEqual(after[writer]!);
        const others = histories[(writer + 1) % Writers.COUNT]!;
        for (const { before: seen, stamp } of history) {
          if (seen > 0) expect(others[seen - 1]?.stamp).toBeLessThan(stamp);
        }
      }
    }
    await writers.stop();
  });
});

interface Turn {
  readonly turn: number;
  readonly before: number;
  readonly stamp: number;
}

/** Of each writer, what it wrote in the order of stamps. */
function turnsOf(versions: readonly StoredVersion[], folderOf: (writer: number) => string): Turn[][] {
  return Array.from({ length: Writers.COUNT }, (_, writer) =>
    versions
      .filter(({ link }) => link.startsWith(folderOf(writer)))
      .map(({ body, stamp }) => ({ ...(JSON.parse(body) as Pick<Turn, 'turn' | 'before'>), stamp }))
      .sort((a, b) => a.stamp - b.stamp || b.turn - a.turn),
  );
}

interface Held {
  release(): unknown;
}

/** Backs up while some writers are held: they go on when the backup has chosen its time, which it cannot close before. */
async function backUpAround(held: Held, name: string): Promise<number> {
  const floor = await floorNow();
  const { body } = await it.client.backup(archive(name), { wait: false });
  while ((await floorNow()) === floor);
  await held.release();
  return succeeded(await it.client.ended(body.id)).closedTimeMicros;
}

async function floorNow(): Promise<number> {
  const [row] = await query<{ floor: string }>(it.databaseUrl, 'SELECT stamp_floor AS floor FROM catalog.index');
  return Number(row?.floor);
}
