import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { contentOf, copySnapshot, openTestIndex, restore, rowsOf, stage, type TestIndex } from '@tidemark/testing';

let it: TestIndex;
beforeAll(async () => {
  it = await openTestIndex();
});
afterAll(() => it.close());

/** What a generation holds, read behind the index’s back. */
async function versionsOf(generation: number): Promise<Map<string, number>> {
  const { rows } = await it.pool.query<{ link: string; version: string; stamp: string }>(
    `SELECT link, version, update_time_micros AS stamp FROM index_${generation}.document_version`,
  );
  return new Map(rows.map(({ link, version, stamp }) => [`${link} ${version} ${stamp}`, 1]));
}

describe('the switch', () => {
  test('is decided once for a job, and asked again gives the same answer', async () => {
    await it.put('/once', '{"n":1}');
    const copied = await copySnapshot(it.index);
    await it.put('/once', '{"n":2}');
    await it.put('/twice', '{}');
    const staged = await stage(it.index, copied);
    const answers = await Promise.all(Array.from({ length: 5 }, () => it.index.switch(staged)));
    expect(answers[0]).toEqual({
      outcome: 'SWITCHED',
      generation: staged.generation,
      previousGeneration: staged.expectedLive,
      versionsLeftBehind: 2,
    });
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(await it.index.reader.pointer()).toMatchObject({ live: staged.generation, previous: staged.expectedLive });
    await it.put('/thrice', '{}');
    expect(await it.index.switch(staged)).toEqual(answers[0]);
  });

  test('is refused when another generation is live by then, for ever', async () => {
    const copied = await copySnapshot(it.index);
    const late = await stage(it.index, copied);
    await it.pool.query(`UPDATE catalog.index SET live_generation = 1, previous_generation = live_generation`);
    const refused = { outcome: 'REFUSED', live: 1, expectedLive: late.expectedLive };
    expect(await it.index.switch(late)).toEqual(refused);
    await it.pool.query(`UPDATE catalog.index SET live_generation = previous_generation, previous_generation = 1`);
    expect(await it.index.switch(late)).toEqual(refused);
  });

  test('is refused for what was never built, is not there, or is another job’s', async () => {
    const copied = await copySnapshot(it.index);
    const { live } = await it.index.reader.pointer();
    const before = await contentOf(it.index);
    const built = await stage(it.index, copied);
    for (const generation of [built.generation, 12345]) {
      const answer = await it.index.switch({ jobId: randomUUID(), generation, expectedLive: live });
      expect(answer.outcome).toBe('REFUSED');
    }
    expect(await contentOf(it.index)).toEqual(before);
  });

  test('gives up when writers keep the lock, and does it later', async () => {
    const staged = await stage(it.index, await copySnapshot(it.index));
    const writer = await it.pool.connect();
    await writer.query('BEGIN');
    await writer.query(
      'SELECT pg_advisory_xact_lock_shared(classid::bigint::int, objid::bigint::int) FROM (SELECT 1910374401 AS classid, 1 AS objid) lock',
    );
    await expect(it.index.switch(staged)).rejects.toMatchObject({ code: 'SWITCH_BUSY' });
    await writer.query('COMMIT');
    writer.release();
    expect(await it.index.switch(staged)).toMatchObject({ outcome: 'SWITCHED' });
  });

  test('keeps exactly one previous generation', async () => {
    const copied = await copySnapshot(it.index);
    const first = await restore(it.index, copied);
    const second = await restore(it.index, copied);
    await it.sweepAll();
    const { rows } = await it.pool.query<{ id: string }>(
      `SELECT substr(nspname, 7) AS id FROM pg_namespace WHERE nspname ~ '^index_[0-9]+$' ORDER BY 1`,
    );
    const generations = [first, second].map((answer) => (answer.outcome === 'SWITCHED' ? answer.generation : 0));
    expect(rows.map(({ id }) => Number(id)).sort((a, b) => a - b)).toEqual(generations);
  });

  test('raises the floor to the time until which the restored history is known', async () => {
    const copied = await copySnapshot(it.index);
    await it.pool.query('UPDATE catalog.index SET stamp_floor = 0');
    await restore(it.index, copied);
    expect((await it.index.reader.pointer()).floor).toBe(copied.closedTimeMicros);
  });

  test('lets no later write lie before that time, whatever the clock of the system that made the archive', async () => {
    const copied = await copySnapshot(it.index);
    const closedTimeMicros = copied.closedTimeMicros + 60_000_000;
    await restore(it.index, { ...copied, closedTimeMicros });
    const { version } = await it.put('/after', '{}');
    expect(version?.updateTimeMicros).toBeGreaterThan(closedTimeMicros);
    const absurd = { ...copied, closedTimeMicros: closedTimeMicros + 3_600_000_000 };
    await restore(it.index, absurd);
    expect((await it.index.reader.pointer()).floor).toBeLessThan(absurd.closedTimeMicros);
    await it.pool.query('UPDATE catalog.index SET stamp_floor = $1', [copied.closedTimeMicros]);
  });
});

describe('under readers and writers', () => {
  test('no read fails or sees a mixture; each acknowledged write is in one generation; left behind is exact', async () => {
    const links = Array.from({ length: 20 }, (_, n) => `/busy/${n}`);
    await it.batch(Object.fromEntries(links.map((link) => [link, { era: 'old' }])));
    const old = await copySnapshot(it.index);
    await it.batch(Object.fromEntries(links.map((link) => [link, { era: 'new' }])));

    let stopping = false;
    const acknowledged: { key: string; generation: number }[] = [];
    const write = async (writer: number): Promise<void> => {
      for (let n = 0; !stopping; n++) {
        const { generation, version } = await it.put(`/busy/writer/${writer}`, `{"n":${n}}`);
        const { link, version: number, updateTimeMicros } = version!;
        acknowledged.push({ key: `${link} ${number} ${updateTimeMicros}`, generation });
      }
    };
    const eras = new Set<string>();
    const read = async (): Promise<void> => {
      while (!stopping) {
        const page = await it.index.reader.page({ selection: { childrenOf: '/busy' }, limit: 100, expand: true });
        eras.add([...new Set(page.texts!.map((text) => (JSON.parse(text) as { era: string }).era))].join());
      }
    };
    const running = Promise.all([...[0, 1, 2, 3].map(write), read(), read(), read()]);
    const answer = await restore(it.index, old);
    while (
      acknowledged.filter(({ generation }) => answer.outcome === 'SWITCHED' && generation === answer.generation)
        .length < 20
    ) {
      await it.put('/busy/tick/x', '{}');
    }
    stopping = true;
    await running;

    expect(eras).toEqual(new Set(['new', 'old']));
    if (answer.outcome !== 'SWITCHED') throw new Error('not switched');
    const [previous, live] = await Promise.all([versionsOf(answer.previousGeneration!), versionsOf(answer.generation)]);
    for (const { key, generation } of acknowledged) {
      expect((generation === answer.generation ? live : previous).has(key)).toBe(true);
    }
    const restored = new Set(rowsOf(old).map(({ link, version, stamp }) => `${link} ${version} ${stamp}`));
    expect(answer.versionsLeftBehind).toBe([...previous.keys()].filter((key) => !restored.has(key)).length);
  });
});
