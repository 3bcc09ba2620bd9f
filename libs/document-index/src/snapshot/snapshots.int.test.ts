import { randomUUID } from 'node:crypto';

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import {
  copyRange,
  copySnapshot,
  openTestIndex,
  restore,
  rowsOf,
  type CopiedRow,
  type TestIndex,
} from '@tidemark/testing';

let it: TestIndex;
beforeAll(async () => {
  it = await openTestIndex();
});
afterAll(() => it.close());
afterEach(() => {
  expect(it.index.snapshots.openCount).toBe(0);
});

/** Writers that put a rising counter into three documents a batch, until told to stop; some keep their batch open for long. */
function startWriters(count: number): { stop: () => Promise<void>; acknowledged: Map<string, number> } {
  const acknowledged = new Map<string, number>();
  let stopping = false;
  const run = async (writer: number): Promise<void> => {
    for (let n = 1; !stopping; n++) {
      const documents = Object.fromEntries(['x', 'y', 'z'].map((name) => [`/w/${writer}/${name}`, { n }]));
      if (writer % 4 === 0) await slowly(() => it.batch(documents), `/w/${writer}/x`);
      else await it.batch(documents);
      acknowledged.set(`/w/${writer}`, n);
    }
  };
  const running = Promise.all(Array.from({ length: count }, (_, writer) => run(writer)));
  return {
    acknowledged,
    stop: async () => {
      stopping = true;
      await running;
    },
  };
}

/** Holds the row of a link so that a batch has its floor and waits before it gets its stamp and commits. */
async function slowly(write: () => Promise<unknown>, link: string): Promise<void> {
  const { live } = await it.index.reader.pointer();
  const client = await it.pool.connect();
  await client.query('BEGIN');
  await client.query(`SELECT 1 FROM index_${live}.document WHERE link = $1 FOR UPDATE`, [link]);
  const written = write();
  await client.query('SELECT pg_sleep(0.02)');
  await client.query('COMMIT');
  client.release();
  await written;
}

const counterOf = ({ line }: CopiedRow): number => (JSON.parse(line.split('\t')[6]!) as { n: number }).n;

/** For each writer, the counters of its three documents as of a time. */
function countersAt(rows: readonly CopiedRow[], time: number): Map<string, number[]> {
  const latest = new Map<string, CopiedRow>();
  for (const row of rows.filter(({ stamp }) => stamp <= time)) {
    if ((latest.get(row.link)?.version ?? -1) < row.version) latest.set(row.link, row);
  }
  const counters = new Map<string, number[]>();
  for (const [link, row] of [...latest].sort()) {
    const writer = link.slice(0, link.lastIndexOf('/'));
    counters.set(writer, [...(counters.get(writer) ?? []), counterOf(row)]);
  }
  return counters;
}

describe('a snapshot under eight writers', () => {
  test('holds a prefix of each writer’s history, nothing torn, all that was acknowledged before it', async () => {
    const writers = startWriters(8);
    for (let round = 0; round < 5; round++) {
      const before = new Map(writers.acknowledged);
      const copied = await copySnapshot(it.index, 8192);
      const rows = rowsOf(copied);
      expect(Math.max(...rows.map(({ stamp }) => stamp))).toBeLessThanOrEqual(copied.closedTimeMicros);
      const stamps = [...new Set(rows.map(({ stamp }) => stamp))];
      for (const time of [copied.closedTimeMicros, ...stamps.filter((_, n) => n % 7 === 0)]) {
        for (const counters of countersAt(rows, time).values()) expect(new Set(counters).size).toBe(1);
      }
      for (const [writer, n] of before) {
        expect(countersAt(rows, copied.closedTimeMicros).get(writer)![0]).toBeGreaterThanOrEqual(n);
      }
    }
    await writers.stop();
  });

  test('two snapshots of different moments give the same state for any time that both have closed', async () => {
    const writers = startWriters(8);
    const first = await copySnapshot(it.index);
    const second = await copySnapshot(it.index);
    await writers.stop();
    const third = await copySnapshot(it.index);
    const upTo = (rows: CopiedRow[]): string[] =>
      rows
        .filter(({ stamp }) => stamp <= first.closedTimeMicros)
        .map(({ line }) => line)
        .sort();
    const expected = upTo(rowsOf(first));
    expect(expected).toHaveLength(rowsOf(first).length);
    expect(upTo(rowsOf(second))).toEqual(expected);
    expect(upTo(rowsOf(third))).toEqual(expected);
  });
});

describe('closing the time', () => {
  test('waits for a writer that got its floor before, and not for one that comes after', async () => {
    await it.put('/hold', '{"n":0}');
    const { live } = await it.index.reader.pointer();
    const client = await it.pool.connect();
    await client.query('BEGIN');
    await client.query(`SELECT 1 FROM index_${live}.document WHERE link = '/hold' FOR UPDATE`);
    const held = it.put('/hold', '{"n":1}');
    await blockedWriter();
    const { floor: oldFloor } = await it.index.reader.pointer();
    let opened = false;
    const opening = copySnapshot(it.index).finally(() => (opened = true));
    const floor = await floorOver(oldFloor);
    const later = await it.put('/later', '{}');
    expect(later.version!.updateTimeMicros).toBeGreaterThan(floor);
    expect(opened).toBe(false);
    await client.query('COMMIT');
    client.release();
    const stamp = (await held).version!.updateTimeMicros;
    const copied = await opening;
    expect(copied.closedTimeMicros).toBe(floor);
    expect(rowsOf(copied).some((row) => row.link === '/hold' && row.stamp === stamp)).toBe(stamp <= floor);
    expect(rowsOf(copied).some(({ link }) => link === '/later')).toBe(false);
  });

  test('a clock that stepped back leaves no committed version out', async () => {
    const stepped = await openTestIndex();
    const { version } = await stepped.put('/ahead', '{}');
    const ahead = version!.updateTimeMicros + 3_600_000_000;
    for (const table of ['document_version', 'document']) {
      await stepped.pool.query(`UPDATE index_1.${table} SET update_time_micros = $1`, [ahead]);
    }
    const copied = await copySnapshot(stepped.index);
    expect(copied.closedTimeMicros).toBe(ahead);
    expect(rowsOf(copied).map(({ link }) => link)).toEqual(['/ahead']);
    expect((await stepped.put('/after', '{}')).version!.updateTimeMicros).toBe(ahead + 1);
    await stepped.close();
  });

  /** Waits until a writer waits for a row. */
  async function blockedWriter(): Promise<void> {
    await until(`SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
      AND application_name = 'tidemark-writer' AND wait_event_type = 'Lock'`);
  }

  async function floorOver(floor: number): Promise<number> {
    await until(`SELECT 1 FROM catalog.index WHERE stamp_floor > ${floor}`);
    return (await it.index.reader.pointer()).floor;
  }

  async function until(query: string): Promise<void> {
    while ((await it.pool.query(query)).rowCount === 0) await it.pool.query('SELECT pg_sleep(0.002)');
  }
});

describe('reading a snapshot', () => {
  test('a range can be cut after any row and goes on there', async () => {
    const facts = await it.index.snapshots.open({ jobId: randomUUID(), fence: 1 }, 1 << 30);
    const [range] = facts.ranges;
    const lines = async (from: string): Promise<string[]> =>
      (await copyRange(it.index, facts.sessionId, { ...range!, from })).toString().split('\n').slice(0, -1);
    const all = await lines('0');
    for (const count of [1, 7, all.length - 1]) {
      const place = await it.index.snapshots.placeAfter(facts.sessionId, range!, count);
      expect(await lines(place)).toEqual(all.slice(count));
    }
    expect(await it.index.snapshots.placeAfter(facts.sessionId, range!, all.length)).toBe('');
    await it.index.snapshots.close(facts.sessionId);
  });

  test('stopping in the middle of a range harms nothing', async () => {
    const facts = await it.index.snapshots.open({ jobId: randomUUID(), fence: 1 }, 1 << 30);
    for (let n = 0; n < 10; n++) {
      const { rows, end } = await it.index.snapshots.copy(facts.sessionId, facts.ranges[0]!);
      await rows.next();
      if (n % 2 === 0) await rows.return?.();
      await end();
    }
    const again = await copyRange(it.index, facts.sessionId, facts.ranges[0]!);
    expect(again.length).toBeGreaterThan(0);
    await it.index.snapshots.close(facts.sessionId);
  });

  test('a snapshot outlives switches, and its tables are dropped only after it', async () => {
    const facts = await it.index.snapshots.open({ jobId: randomUUID(), fence: 1 }, 1 << 30);
    const before = await copyRange(it.index, facts.sessionId, facts.ranges[0]!);
    const copied = await copySnapshot(it.index);
    await restore(it.index, copied);
    await restore(it.index, copied);
    expect(await it.index.sweep()).toBe(0);
    expect(await copyRange(it.index, facts.sessionId, facts.ranges[0]!)).toEqual(before);
    await it.index.snapshots.close(facts.sessionId);
    expect(await it.sweepAll()).toBe(1);
    expect(await it.index.sweep()).toBe(0);
  });

  test('a closed snapshot, and one whose holder lost its connection, are gone', async () => {
    const facts = await it.index.snapshots.open({ jobId: randomUUID(), fence: 1 }, 8192);
    await it.index.snapshots.close(facts.sessionId);
    await expect(it.index.snapshots.countDocuments(facts.sessionId)).rejects.toMatchObject({
      code: 'INDEX_UNAVAILABLE',
    });
    const lost = await it.index.snapshots.open({ jobId: randomUUID(), fence: 1 }, 8192);
    await it.pool.query(
      `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'tidemark-attempt %' AND state = 'idle in transaction'`,
    );
    const reading = copyRange(it.index, lost.sessionId, lost.ranges[0]!);
    await expect(reading).rejects.toMatchObject({ code: 'INDEX_UNAVAILABLE' });
  });

  test('a copy under way fails with a code, retriable, when its snapshot is closed', async () => {
    const { snapshots } = it.index;
    const facts = await snapshots.open({ jobId: randomUUID(), fence: 1 }, 8192);
    const copy = await snapshots.copy(facts.sessionId, facts.ranges[0]!);
    await snapshots.close(facts.sessionId);
    await expect(copy.rows.next()).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  });

  test('the next attempt of a job closes the snapshot of the one before; nobody reads: it closes itself', async () => {
    const jobId = randomUUID();
    const first = await it.index.snapshots.open({ jobId, fence: 1 }, 8192);
    const second = await it.index.snapshots.open({ jobId, fence: 2 }, 8192);
    await expect(it.index.snapshots.countDocuments(first.sessionId)).rejects.toMatchObject({
      code: 'INDEX_UNAVAILABLE',
    });
    await it.index.snapshots.close(second.sessionId);

    const impatient = await openTestIndex({ idleMillis: 500 });
    await impatient.index.snapshots.open({ jobId, fence: 1 }, 8192);
    const holders = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'`;
    while ((await impatient.pool.query(holders)).rowCount) await impatient.pool.query('SELECT pg_sleep(0.005)');
    expect(impatient.index.snapshots.openCount).toBe(0);
    await impatient.close();
  });

  test('a copy under way keeps its snapshot open, however slowly it is read, and ends with it', async () => {
    const impatient = await openTestIndex({ idleMillis: 3000 });
    const { snapshots } = impatient.index;
    const read = await snapshots.open({ jobId: randomUUID(), fence: 1 }, 8192);
    const copy = await snapshots.copy(read.sessionId, read.ranges[0]!);
    await snapshots.open({ jobId: randomUUID(), fence: 1 }, 8192);
    while (snapshots.openCount > 1) await impatient.pool.query('SELECT pg_sleep(0.005)');
    expect(await snapshots.countDocuments(read.sessionId)).toBe(0);

    await snapshots.close(read.sessionId);
    const inTransaction = `SELECT 1 FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL`;
    while ((await impatient.pool.query(inTransaction)).rowCount) await impatient.pool.query('SELECT pg_sleep(0.005)');
    await copy.end();
    await impatient.close();
  });

  test('a snapshot whose copy has ended closes itself when nobody reads on', async () => {
    const impatient = await openTestIndex({ idleMillis: 3000 });
    const { snapshots } = impatient.index;
    const read = await snapshots.open({ jobId: randomUUID(), fence: 1 }, 8192);
    await copyRange(impatient.index, read.sessionId, read.ranges[0]!);
    while (snapshots.openCount > 0) await impatient.pool.query('SELECT pg_sleep(0.005)');
    await impatient.close();
  });
});
