import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from '@jest/globals';

import {
  Bystander,
  fingerprintOf,
  HeldSteps,
  query,
  startServices,
  TestProcess,
  unusedGenerations,
  type IndexFingerprint,
  type Job,
  type RunningServices,
  type ServiceCounts,
} from '@tidemark/testing';

export type Victim = 'gateway' | 'index-service' | 'transfer-worker';

const PIECE = String(64 * 1024);
const BASE = 'base.zip';

/** A process for each service, each of which can be held at any step of a job, and a depot; its leases are short. */
export class CrashSystem {
  /** What base.zip holds, and what it held at {@link moment}. */
  archived: IndexFingerprint = { liveGeneration: 0, previousGeneration: null, versions: 0, hash: '' };
  atMoment = this.archived;
  moment = 0;
  /** The index before the job under test. */
  live = this.archived;
  #written = 0;

  private constructor(
    readonly it: RunningServices,
    readonly steps: HeldSteps,
    private readonly depot: { readonly process: TestProcess; readonly folder: string },
    private readonly bystander: Bystander,
    private readonly events: string,
  ) {}

  static async open(counts: ServiceCounts = {}): Promise<CrashSystem> {
    const steps = await HeldSteps.open();
    const folder = await mkdtemp(join(tmpdir(), 'tidemark-depot-'));
    const settings = { PORT: '0', TIDEMARK_DEPOT_FOLDER: folder };
    const process = await new TestProcess({ app: 'archive-depot', settings }).start();
    const it = await startServices({
      counts,
      script: fileURLToPath(new URL('held-process.mjs', import.meta.url)),
      settings: {
        TIDEMARK_TEST_STEPS_PORT: String(steps.port),
        TIDEMARK_LEASE_SECONDS: '1',
        TIDEMARK_PART_BYTES: PIECE,
        TIDEMARK_CHUNK_BYTES: PIECE,
        TIDEMARK_HTTP_SILENCE_SECONDS: '1',
        TIDEMARK_HTTP_ALLOW: `${process.url}/archives`,
        TIDEMARK_HTTP_ALLOW_PRIVATE: '127.0.0.1',
      },
    });
    const bystander = await Bystander.open(it.services);
    const events = await bystander.listen('tidemark.events', '#');
    const system = new CrashSystem(it, steps, { process, folder }, bystander, events);
    await system.#fill();
    return system;
  }

  /** Documents that have changed since base.zip was made. */
  async prepare(): Promise<void> {
    await this.it.client.put('/kept/0', { n: `change ${++this.#written}` });
    this.live = await fingerprintOf(this.it);
    await this.bystander.drain(this.events);
  }

  destination(scheme: 'file' | 'http', name: string): string {
    return scheme === 'file' ? `file:${this.it.archives}/${name}` : `${this.depot.process.url}/archives/${name}`;
  }

  async content(scheme: 'file' | 'http', name: string): Promise<Buffer> {
    if (scheme === 'file') return await readFile(join(this.it.archives, name));
    return Buffer.from(await (await fetch(this.destination('http', name))).arrayBuffer());
  }

  processOf(victim: Victim): TestProcess {
    return this.it.processes.find(({ app }) => app === victim)!;
  }

  /** The job that was asked for last, as it ended; whoever is killed meanwhile. */
  async ended(): Promise<Job> {
    for (;;) {
      try {
        const { body } = await this.it.client.call<{ documents: Record<string, Job> }>(
          'GET',
          '/core/management/jobs?expand&$limit=1',
        );
        const [job] = Object.values(body.documents);
        if (job) return await this.it.client.ended(job.id);
      } catch (error) {
        // The gateway has been killed, and is being started again. By name: `fetch` throws errors of another realm.
        if ((error as Error).name !== 'TypeError') throw error;
      }
    }
  }

  /** What was told since {@link prepare}, as soon as that is anything; the same told again counts once. */
  async told(): Promise<Pick<Job, 'id' | 'state' | 'revision'>[]> {
    const told = new Map<string, Pick<Job, 'id' | 'state' | 'revision'>>();
    while (told.size === 0) {
      for (const body of await this.bystander.drain(this.events)) {
        const { id, state, revision } = JSON.parse(body) as Job;
        told.set(`${id}:${revision}`, { id, state, revision });
      }
    }
    return [...told.values()];
  }

  /** Folders of attempts in the spool of the n-th worker. */
  async attemptsIn(n: number): Promise<string[]> {
    return (await readdir(this.#spool(n))).filter((name) => name !== 'uploads');
  }

  #spool(n: number): string {
    return join(this.it.home, n === 0 ? 'spool' : `spool-${n + 1}`);
  }

  async fingerprint(): Promise<IndexFingerprint> {
    return await fingerprintOf(this.it);
  }

  /** No temp, no spool, no upload, no staged generation, no snapshot; those of the dead as soon as they are noticed. */
  async expectNothingLeftBehind(): Promise<void> {
    expect((await readdir(this.it.archives)).filter((name) => !/^[\w-]+\.zip$/.test(name))).toEqual([]);
    expect((await readdir(this.depot.folder)).filter((name) => name.endsWith('.part'))).toEqual([]);
    for (const n of this.it.workers.keys()) {
      while ((await this.attemptsIn(n)).length > 0); // the job has ended, its worker may not have heard of it yet
      while ((await readdir(join(this.#spool(n), 'uploads')).catch(() => [])).length > 0);
    }
    expect((await unusedGenerations(this.it)).filter((name) => !name.endsWith(' DROPPING'))).toEqual([]);
    const open = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`;
    while ((await query(this.it.databaseUrl, open)).length > 0);
  }

  /** When nobody runs any more nothing is on any queue, nor was anything held without an acknowledgement. */
  async close(): Promise<void> {
    await this.it.stop();
    for (const queue of [
      'tidemark.jobs.backup',
      'tidemark.jobs.restore',
      'tidemark.reports',
      'tidemark.dead',
    ] as const) {
      expect({ queue, ...(await this.bystander.stateOf(queue)) }).toMatchObject({ queue, messages: 0 });
    }
    await this.bystander.close();
    await this.it.remove();
    await this.steps.close();
    await this.depot.process.stop();
    await rm(this.depot.folder, { recursive: true });
  }

  async #fill(): Promise<void> {
    const incompressible = (n: number): string => createHash('sha512').update(String(n)).digest('base64');
    const documents = (from: number) =>
      Array.from({ length: 1500 }, (_, n) => [`/kept/${from + n}`, { text: incompressible(from + n) }] as const);
    this.moment = (await this.it.client.bulk(documents(0))).lastUpdateTimeMicros ?? 0;
    this.atMoment = await fingerprintOf(this.it);
    await this.it.client.bulk(documents(1000));
    this.archived = await fingerprintOf(this.it);
    for (const scheme of ['file', 'http'] as const) {
      expect((await this.it.client.backup(this.destination(scheme, BASE))).status).toBe(200);
    }
  }
}
