import { createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from '@jest/globals';

import {
  Bystander,
  fingerprintOf,
  folderWhen,
  HeldSteps,
  query,
  startServices,
  SystemClient,
  TestProcess,
  unusedGenerations,
  type IndexFingerprint,
  type Job,
  type RunningServices,
  type ServiceCounts,
} from '@tidemark/testing';

import { stopAtRest } from './bystander.fixture.test.js';

export type Victim = 'gateway' | 'index-service' | 'transfer-worker';

const PIECE = String(64 * 1024);
const BASE = 'base.zip';

/** What an event tells, apart from its job's details. */
type Told = Pick<Job, 'id' | 'state' | 'revision'>;

/** A process or several for each service, all of which can be held at any step of a job, and a depot; leases are short. */
export class CrashSystem {
  /** What base.zip holds, and what it held at {@link moment}. */
  archived: IndexFingerprint = { liveGeneration: 0, previousGeneration: null, versions: 0, hash: '' };
  atMoment = this.archived;
  moment = 0;
  /** The index before the job under test. */
  live = this.archived;
  #prepared = 0;
  /** Of {@link HeldSteps}, how many claims there were before the job under test. */
  #claimsBefore = 0;
  readonly #told: Told[] = [];
  readonly #telling = new EventEmitter();

  private constructor(
    readonly it: RunningServices,
    readonly steps: HeldSteps,
    private readonly depot: { readonly process: TestProcess; readonly folder: string },
    private readonly bystander: Bystander,
  ) {}

  static async open(counts: ServiceCounts = {}, settings: Readonly<Record<string, string>> = {}): Promise<CrashSystem> {
    const steps = await HeldSteps.open();
    const folder = await mkdtemp(join(tmpdir(), 'tidemark-depot-'));
    const ofDepot = { PORT: '0', TIDEMARK_DEPOT_FOLDER: folder };
    const process = await new TestProcess({ app: 'archive-depot', settings: ofDepot }).start();
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
        ...settings,
      },
    });
    const bystander = await Bystander.open(it.services);
    const system = new CrashSystem(it, steps, { process, folder }, bystander);
    await bystander.hear(await bystander.listen('tidemark.events', '#'), (body) => system.#hear(body));
    await system.#fill();
    return system;
  }

  /** Documents that have changed since base.zip was made. Each time another gateway is the one to be asked. */
  async prepare(): Promise<void> {
    this.#prepared++;
    await this.client.put('/kept/0', { n: `change ${this.#prepared}` });
    this.live = await fingerprintOf(this.it);
    this.#claimsBefore = this.#claims.length;
  }

  /** Of the gateway to be asked for the job under test. */
  get client(): SystemClient {
    return this.clientOf(this.#prepared);
  }

  /** Of the n-th gateway, counted round. */
  clientOf(n: number): SystemClient {
    const { gateways } = this.it;
    return new SystemClient(gateways[n % gateways.length]!.url);
  }

  destination(scheme: 'file' | 'http', name: string): string {
    return scheme === 'file' ? `file:${this.it.archives}/${name}` : `${this.depot.process.url}/archives/${name}`;
  }

  async content(scheme: 'file' | 'http', name: string): Promise<Buffer> {
    if (scheme === 'file') return await readFile(join(this.it.archives, name));
    return Buffer.from(await (await fetch(this.destination('http', name))).arrayBuffer());
  }

  /** The n-th processes of the three services ask each other; this is n of the one that has, or had, the pid. */
  numberOf(pid: number): number {
    const kinds = [this.it.gateways, this.it.indexServices, this.it.workers];
    return Math.max(...kinds.map((kind) => kind.findIndex((process) => process.isOrWas(pid))));
  }

  /**
   * The process of a service that takes part in the job when a process has come to a step: that one, where it is of the
   * service; else the one that the job's worker works with, or, of a job that nobody has claimed, the one at the step.
   */
  partaker(app: Victim, atStep: number): TestProcess {
    const ofApp = this.it.processes.filter((process) => process.app === app);
    const itself = ofApp.find((process) => process.isOrWas(atStep));
    const claimedBy = this.#claims.slice(this.#claimsBefore).at(-1) ?? atStep;
    return itself ?? ofApp[this.numberOf(claimedBy)] ?? ofApp[0]!;
  }

  isAlone({ app }: TestProcess): boolean {
    return this.it.processes.filter((process) => process.app === app).length === 1;
  }

  /** The numbers of the workers that have claimed jobs. */
  claimants(): Set<number> {
    return new Set(this.#claims.map((pid) => this.numberOf(pid)));
  }

  get #claims(): readonly number[] {
    return this.steps.madeBy('message acknowledged');
  }

  /** The job that was asked for last, as it ended; whoever is killed meanwhile. Asked of the given gateway, or of all in turn. */
  async ended(n?: number): Promise<Job> {
    for (let turn = 0; ; turn++) {
      const client = this.clientOf(n ?? this.#prepared + turn);
      try {
        const { body } = await client.call<{ documents: Record<string, Job> }>(
          'GET',
          '/core/management/jobs?expand&$limit=1',
        );
        const [job] = Object.values(body.documents);
        if (job) return await client.ended(job.id);
      } catch (error) {
        // The gateway has been killed, and is being started again. By name: `fetch` throws errors of another realm.
        if ((error as Error).name !== 'TypeError') throw error;
      }
    }
  }

  /** What was told of a job, as soon as that is anything; the same told again counts once. */
  async told(jobId: string): Promise<Told[]> {
    for (;;) {
      const next = once(this.#telling, 'told');
      const told = this.#told.filter(({ id }) => id === jobId);
      if (told.length > 0) return [...new Map(told.map((one) => [one.revision, one])).values()];
      await next;
    }
  }

  #hear(body: string): void {
    const { id, state, revision } = JSON.parse(body) as Job;
    this.#told.push({ id, state, revision });
    this.#telling.emit('told');
  }

  /** The spool of the n-th worker. */
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
      // The job has ended, its worker may not have heard of it yet.
      const [uploads] = await folderWhen(this.#spool(n), (names) => names.every((name) => name === 'uploads'));
      if (uploads !== undefined) await folderWhen(join(this.#spool(n), uploads), (names) => names.length === 0);
    }
    expect((await unusedGenerations(this.it)).filter((name) => !name.endsWith(' DROPPING'))).toEqual([]);
    const open = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`;
    // PostgreSQL tells nobody of the end of a transaction: it is asked again, and the pauses are its own.
    while ((await query(this.it.databaseUrl, open)).length > 0)
      await query(this.it.databaseUrl, 'SELECT pg_sleep(0.05)');
  }

  /** When nobody runs any more nothing is on any queue, nor was anything held without an acknowledgement. */
  async close(): Promise<void> {
    await this.bystander.take('tidemark.dead', await stopAtRest(this.it, this.bystander));
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

  /** At the moment, too, an archive is of more chunks than a case that is held at one of them counts. */
  async #fill(): Promise<void> {
    const incompressible = (n: number): string => createHash('sha512').update(String(n)).digest('base64');
    const documents = (from: number) =>
      Array.from({ length: 3000 }, (_, n) => [`/kept/${from + n}`, { text: incompressible(from + n) }] as const);
    this.moment = (await this.it.client.bulk(documents(0))).lastUpdateTimeMicros ?? 0;
    this.atMoment = await fingerprintOf(this.it);
    await this.it.client.bulk(documents(2000));
    this.archived = await fingerprintOf(this.it);
    for (const scheme of ['file', 'http'] as const) {
      expect((await this.it.client.backup(this.destination(scheme, BASE))).status).toBe(200);
    }
  }
}
