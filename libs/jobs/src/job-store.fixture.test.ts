import { randomUUID } from 'node:crypto';

import pg from 'pg';

import type { Job } from '@tidemark/contracts';
import { silentLogger } from '@tidemark/platform';
import { createTestDatabase } from '@tidemark/testing';

import { JobStore, type JobStoreOptions, type NewJob } from './index.js';
import type { SealedClaim } from './life/plan-claim.js';
import { BACKUP, FILE_EFFECT, SWITCH_EFFECT } from './life/stored-job.fixture.test.js';

export const LEASE_SECONDS = 30;
/** Retries are due at once. */
export const AT_ONCE = { backOffSeconds: [0, 0, 0, 0] };
/** Retries are not due before a test says so. */
export const MUCH_LATER = { backOffSeconds: [60, 60, 60, 60] };

/** A backup to a place of its own, unless said otherwise. */
export function newJob(given: Partial<NewJob> = {}): NewJob {
  return { id: randomUUID(), request: BACKUP, place: randomUUID(), warnings: [], caller: 'tests', ...given };
}

/** A store on a database of its own, and ways to look behind it. */
export class StoreFixture {
  private constructor(
    readonly store: JobStore,
    readonly url: string,
    readonly sql: pg.Pool,
    private readonly drop: () => Promise<void>,
  ) {}

  static async open(options: Partial<JobStoreOptions> = {}): Promise<StoreFixture> {
    const database = await createTestDatabase();
    const store = await JobStore.open({ url: database.url, log: silentLogger, ...options });
    const sql = new pg.Pool({ connectionString: database.url, max: 2 });
    sql.on('error', () => undefined);
    return new StoreFixture(store, database.url, sql, () => database.drop());
  }

  async close(): Promise<void> {
    await this.store.close();
    await this.sql.end();
    await this.drop();
  }

  async clear(): Promise<void> {
    await this.sql.query('DELETE FROM jobs.job');
  }

  async create(given: Partial<NewJob> = {}): Promise<Job> {
    return (await this.store.create(newJob(given))).job;
  }

  /** Claims a job that can be claimed. */
  async claim(id: string, worker = 'w'): Promise<SealedClaim> {
    const answer = await this.store.claim(id, { claimId: randomUUID(), worker, leaseSeconds: LEASE_SECONDS });
    if (answer.outcome !== 'CLAIMED') throw new Error('nothing to claim');
    return answer;
  }

  async running(given: Partial<NewJob> = {}): Promise<SealedClaim> {
    return await this.claim((await this.create(given)).id);
  }

  /** A backup or restore with its effect stored. */
  async finishing(given: Partial<NewJob> = {}): Promise<SealedClaim> {
    const claim = await this.running(given);
    const effect = claim.operation === 'BACKUP' ? FILE_EFFECT : SWITCH_EFFECT;
    await this.store.finishing(claim.jobId, { fence: claim.fence, effect });
    return claim;
  }

  /** Lets the lease of a job have run out by the database's clock. */
  async loseLease(id: string): Promise<void> {
    await this.set(id, 'lease_until_micros = 1');
  }

  /** Lets a back-off be over. */
  async makeDue(id: string): Promise<void> {
    await this.set(id, 'not_before_micros = 1');
  }

  /** Resolves when a session of the store waits for another one. */
  async untilBlocked(): Promise<void> {
    await this.until(`application_name = 'tidemark-jobs' AND wait_event_type = 'Lock'`);
  }

  /** Resolves when a session like this is on the database (or, for 0, none is any more). */
  async until(condition: string, sessions: 0 | 1 = 1): Promise<void> {
    const query = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND ${condition}`;
    for (;;) {
      const { rowCount } = await this.sql.query(query);
      if (rowCount === sessions) return;
    }
  }

  async set(id: string, assignment: string): Promise<void> {
    await this.sql.query(`UPDATE jobs.job SET ${assignment} WHERE id = $1`, [id]);
  }

  async column<T>(id: string, name: string): Promise<T> {
    const { rows } = await this.sql.query<{ value: T }>(`SELECT ${name} AS value FROM jobs.job WHERE id = $1`, [id]);
    return rows[0]!.value;
  }
}
