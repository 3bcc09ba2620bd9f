import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { expect } from '@jest/globals';

import {
  Bystander,
  fingerprintOf,
  folderWhen,
  PostgresProxy,
  query,
  startServices,
  SystemClient,
  unusedGenerations,
  type IndexFingerprint,
  type Job,
  type RunningServices,
} from '@tidemark/testing';

/** What the database keeps of a job's attempts: its fence rises with each claim, and with each end of an attempt. */
export interface StoredAttempts {
  readonly id: string;
  readonly state: Job['state'];
  readonly attempt: number;
  readonly fence: number;
  readonly worker: string | null;
}

/** Support for whole-system tests (no test itself): two of each service, and somebody at their broker who hears all. */
export class TwoOfEach {
  private constructor(
    readonly it: RunningServices,
    readonly proxy: PostgresProxy,
    readonly bystander: Bystander,
    private readonly heard: { readonly events: string; readonly doorbells: string },
  ) {}

  /** Leases are as long as they are by default; where somebody is killed a short one is given. */
  static async open(documents = 3000, leaseSeconds = 30): Promise<TwoOfEach> {
    const proxy = await PostgresProxy.open();
    const it = await startServices({
      proxy,
      counts: { gateways: 2, indexServices: 2, workers: 2 },
      settings: { TIDEMARK_LEASE_SECONDS: String(leaseSeconds), TIDEMARK_PART_BYTES: '65536' },
    });
    const bystander = await Bystander.open(it.services);
    const events = await bystander.listen('tidemark.events', '#');
    const doorbells = await bystander.listen('tidemark.jobs', 'backup');
    const two = new TwoOfEach(it, proxy, bystander, { events, doorbells });
    await two.clients[0].bulk(
      Array.from({ length: documents }, (_, n) => [`/kept/${n}`, { n, text: 'kept '.repeat(50) }]),
    );
    return two;
  }

  /** Of each gateway, where it serves now. */
  get clients(): readonly [SystemClient, SystemClient] {
    const [first, second] = this.it.gateways.map(({ url }) => new SystemClient(url));
    return [first!, second!];
  }

  archive(name: string): string {
    return `file:${this.it.archives}/${name}.zip`;
  }

  /** In what state the live index is. */
  async fingerprint(): Promise<IndexFingerprint> {
    return await fingerprintOf(this.it);
  }

  async stored(ids: readonly string[]): Promise<StoredAttempts[]> {
    return await query<StoredAttempts & Record<string, unknown>>(
      this.it.databaseUrl,
      `SELECT id, state, attempt, fence::int AS fence, worker FROM jobs.job WHERE id = ANY($1) ORDER BY position`,
      [ids],
    );
  }

  /** Resolves when each worker runs one of these jobs; or, of a single job, when one does. In the order of workers. */
  async running(...ids: readonly string[]): Promise<(string | undefined)[]> {
    for (;;) {
      const spools = await Promise.all([this.spool(0), this.spool(1)]);
      const running = spools.map((attempts) => ids.find((id) => attempts.some((name) => name.startsWith(id))));
      if (running.filter((id) => id !== undefined).length === Math.min(2, ids.length)) return running;
    }
  }

  /** What lies in the spool folder of a worker: a folder for each attempt that it runs. */
  async spool(worker: number): Promise<string[]> {
    return await readdir(this.#spoolFolder(worker));
  }

  #spoolFolder(worker: number): string {
    return join(this.it.home, worker === 0 ? 'spool' : `spool-${worker + 1}`);
  }

  /** How many snapshots each index-service has opened since its start. */
  async snapshotsOpened(): Promise<number[]> {
    const series =
      /^tidemark_http_request_duration_seconds_count\{(?=.*route="\/snapshots",)(?=.*status="2xx").*\} (\d+)$/m;
    const texts = this.it.indexServices.map(({ url }) => new SystemClient(url).text('/core/metrics'));
    return (await Promise.all(texts)).map((text) => Number(series.exec(text)?.[1] ?? 0));
  }

  /**
   * The events that were told since this was last asked, each at least once; of all jobs that have ended only when
   * nobody runs any more.
   */
  async events(): Promise<Job[]> {
    return (await this.bystander.drain(this.heard.events)).map((body) => JSON.parse(body) as Job);
  }

  /** The ids of the backups that doorbells were rung for, each as often as it was, since this was last asked. */
  async doorbells(): Promise<string[]> {
    return (await this.bystander.drain(this.heard.doorbells)).map(
      (body) => (JSON.parse(body) as { jobId: string }).jobId,
    );
  }

  /** The archive can be restored and holds what it was made of; the index is left so. */
  async expectRestorable(name: string, { hash }: IndexFingerprint): Promise<void> {
    const { status, body } = await this.clients[1].restore(this.archive(name));
    expect([status, body]).toEqual([200, expect.objectContaining({ state: 'SUCCEEDED' })]);
    expect((await this.fingerprint()).hash).toBe(hash);
  }

  /** What is given up is dropped by the next sweep. */
  async expectNothingLeftBehind(): Promise<void> {
    expect((await readdir(this.it.archives)).filter((name) => !/^[\w-]+\.zip$/.test(name))).toEqual([]);
    // The job has ended, its worker may not have heard of it yet.
    for (const worker of [0, 1]) await folderWhen(this.#spoolFolder(worker), (names) => names.length === 0);
    expect((await unusedGenerations(this.it)).filter((name) => !name.endsWith(' DROPPING'))).toEqual([]);
    expect(await this.bystander.stateOf('tidemark.dead')).toMatchObject({ messages: 0 });
  }

  async close(): Promise<void> {
    await this.bystander.close();
    await this.it.remove();
    await this.proxy.close();
  }
}
