/** Many requests at once: each is answered at once, each job ends, one job for each key; the API answers meanwhile. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { environment } from '@tidemark/platform';
import { brokerIsThere, query, startServices, type Answer, type Job, type RunningServices } from '@tidemark/testing';

jest.setTimeout(600_000); // one backup after the other, as many as are asked for

const whereItIs = brokerIsThere() ? describe : describe.skip;
const REQUESTS = Number(environment().TIDEMARK_TEST_BURST ?? 100);
/** Of each five requests two have one key. */
const KEYS = REQUESTS / 5;
const PLACES = 20;
const MEMORY_BYTES = 200e6;

whereItIs(`${REQUESTS} requests at once`, () => {
  let it: RunningServices;
  beforeAll(async () => {
    it = await startServices({ counts: { workers: 2 } });
    await it.client.bulk(Array.from({ length: 10 }, (_, n) => [`/kept/${n}`, { n }]));
  });
  afterAll(() => it.remove());

  const request = (n: number): Promise<Answer<Job>> => {
    const key = n % 5 < 2 ? { headers: { 'idempotency-key': `key-${Math.floor(n / 5)}` } } : {};
    const name = n % 5 < 2 ? `keyed-${Math.floor(n / 5) % PLACES}` : `free-${n % PLACES}`;
    return it.client.backup(`file:${it.archives}/${name}.zip`, { wait: false, ...key });
  };

  async function unended(): Promise<number> {
    const sql = 'SELECT count(*)::int AS unended FROM jobs.job WHERE ended_at_micros IS NULL';
    const [row] = await query<{ unended: number }>(it.databaseUrl, sql);
    return row?.unended ?? 0;
  }

  test('are answered, and every job ends', async () => {
    const begun = performance.now();
    const answers = await Promise.all(Array.from({ length: REQUESTS }, (_, n) => request(n)));
    const answered = performance.now() - begun;
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    const ids = [...new Set(answers.map(({ body }) => body.id))];
    expect(ids).toHaveLength(REQUESTS - KEYS);

    const looks: number[] = [];
    for (let n = 0; (await unended()) > 0; n++) {
      const asked = performance.now();
      expect((await it.client.call('GET', `/core/management/jobs/${ids[n % ids.length] ?? ''}`)).status).toBe(200);
      looks.push(performance.now() - asked);
    }
    const seconds = (performance.now() - begun) / 1000;
    const states = await query(
      it.databaseUrl,
      'SELECT state, count(*)::int AS jobs, max(attempt) AS attempt FROM jobs.job GROUP BY state',
    );
    expect(states).toEqual([{ state: 'SUCCEEDED', jobs: ids.length, attempt: 1 }]);

    looks.sort((a, b) => a - b);
    const peak = Math.max(...it.processes.map((process) => process.memory().peak));
    expect(peak).toBeLessThan(MEMORY_BYTES);
    const p99 = looks[Math.floor(0.99 * looks.length)] ?? 0;
    process.stderr.write(
      `${REQUESTS} requests answered in ${answered.toFixed(0)} ms, ${ids.length} jobs ended in ${seconds.toFixed(1)} s; ` +
        `GET job p99 ${p99.toFixed(0)} ms of ${looks.length}; highest peak ${(peak / 1e6).toFixed(0)} MB\n`,
    );
  });
});
