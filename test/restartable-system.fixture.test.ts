import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect } from '@jest/globals';

import {
  fingerprintOf,
  PostgresProxy,
  query,
  startSystem,
  type IndexFingerprint,
  type Job,
  type RunningSystem,
} from '@tidemark/testing';

/** A system of several parts that is stopped or killed, and started again where it was; its leases are short. */
export class RestartableSystem {
  static readonly #SETTINGS = { TIDEMARK_LEASE_SECONDS: '5', TIDEMARK_PART_BYTES: String(64 * 1024) };
  /** The index before the job under test. */
  live: IndexFingerprint = { liveGeneration: 0, previousGeneration: null, versions: 0, hash: '' };
  /** The archive before the job under test. */
  old: Buffer = Buffer.alloc(0);
  /** What the archive has been made of. */
  archived: IndexFingerprint = this.live;

  private constructor(
    readonly proxy: PostgresProxy,
    private readonly first: RunningSystem,
    /** The one that runs. */
    public it: RunningSystem,
  ) {}

  static async open(): Promise<RestartableSystem> {
    const proxy = await PostgresProxy.open();
    const it = await startSystem({ proxy, settings: RestartableSystem.#SETTINGS });
    await it.client.bulk(Array.from({ length: 3000 }, (_, n) => [`/kept/${n}`, { n, text: 'kept '.repeat(50) }]));
    return new RestartableSystem(proxy, it, it);
  }

  /** An archive, and documents that have changed since. */
  async prepare(): Promise<void> {
    this.archived = await fingerprintOf(this.it);
    expect((await this.it.client.backup(this.archive)).status).toBe(200);
    this.old = await readFile(this.place);
    await this.it.client.put('/kept/0', { n: 'since' });
    this.live = await fingerprintOf(this.it);
  }

  get archive(): string {
    return `file:${this.place}`;
  }

  get place(): string {
    return join(this.it.archives, 'a.zip');
  }

  async files(): Promise<string[]> {
    return (await readdir(this.it.archives)).sort();
  }

  /** What the database says of a job while nobody serves it. */
  async stored(id: string): Promise<Pick<Job, 'state' | 'attempt'>> {
    const sql = 'SELECT state, attempt FROM jobs.job WHERE id = $1';
    const [row] = await query<Pick<Job, 'state' | 'attempt'>>(this.it.databaseUrl, sql, [id]);
    if (!row) throw new Error(`there is no job ${id}`);
    return row;
  }

  /** Of a job whose worker is dead: the end of its lease is nothing but a number in the database. */
  async moveLease(id: string, seconds: number): Promise<void> {
    const sql = 'UPDATE jobs.job SET lease_until_micros = lease_until_micros + $2::bigint WHERE id = $1';
    await query(this.it.databaseUrl, sql, [id, seconds * 1_000_000]);
  }

  async startAgain(): Promise<void> {
    this.it = await startSystem({ like: this.it, proxy: this.proxy, settings: RestartableSystem.#SETTINGS });
  }

  async expectArchiveIsOld(): Promise<void> {
    expect((await readFile(this.place)).equals(this.old)).toBe(true);
  }

  async expectRestorable({ hash }: IndexFingerprint): Promise<void> {
    expect((await this.it.client.restore(this.archive)).status).toBe(200);
    expect((await fingerprintOf(this.it)).hash).toBe(hash);
  }

  async close(): Promise<void> {
    await this.it.stop();
    await this.first.remove();
    await this.proxy.close();
  }
}

/** The name of the file that an attempt writes an archive to. */
export function tempName(jobId: string, fence = 1): string {
  return `.a.zip.${jobId}.${fence}.part`;
}
