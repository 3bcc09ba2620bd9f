import { randomUUID, createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { sleep } from '@tidemark/platform';
import {
  BACKUP_KIND,
  Bystander,
  fingerprintOf,
  PostgresProxy,
  query,
  RESTORE_KIND,
  startServices,
  SystemClient,
  TcpProxy,
  TestProcess,
  type IndexFingerprint,
  type Job,
  type Random,
  type RunningServices,
} from '@tidemark/testing';

import { PrivateBroker } from './private-broker.fixture.test.js';

/** Support for tests of random faults (no test itself): two of each service, every way between them can break. */

const PIECE = String(64 * 1024);
const LEASE_SECONDS = 1;

export class ChaosSystem {
  archived: IndexFingerprint = { liveGeneration: 0, previousGeneration: null, versions: 0, hash: '' };
  atMoment = this.archived;
  moment = 0;
  #asked = 0;
  readonly #broken = new Set<object>();

  private constructor(
    readonly it: RunningServices,
    private readonly broker: PrivateBroker,
    private readonly ways: { readonly postgres: PostgresProxy; readonly broker: TcpProxy },
    private readonly depot: { readonly process: TestProcess; readonly folder: string },
  ) {}

  static async open(): Promise<ChaosSystem> {
    const [broker, postgres] = await Promise.all([PrivateBroker.start(), PostgresProxy.open()]);
    const { hostname, port } = new URL(broker.url);
    const way = await TcpProxy.open({ host: hostname, port: Number(port) });
    const folder = await mkdtemp(join(tmpdir(), 'tidemark-depot-'));
    // Its port stays: it is started again under the URL that jobs know.
    const settings = { PORT: String(20_000 + (process.pid % 10_000)), TIDEMARK_DEPOT_FOLDER: folder };
    const depot = await new TestProcess({ app: 'archive-depot', settings }).start();
    const it = await startServices({
      proxy: postgres,
      amqpUrl: way.urlOf(broker.url),
      counts: { gateways: 2, indexServices: 2, workers: 2 },
      settings: {
        TIDEMARK_LEASE_SECONDS: String(LEASE_SECONDS),
        TIDEMARK_PART_BYTES: PIECE,
        TIDEMARK_CHUNK_BYTES: PIECE,
        TIDEMARK_HTTP_SILENCE_SECONDS: '1',
        TIDEMARK_HTTP_ALLOW: `${depot.url}/archives`,
        TIDEMARK_HTTP_ALLOW_PRIVATE: '127.0.0.1',
      },
    });
    const system = new ChaosSystem(it, broker, { postgres, broker: way }, { process: depot, folder });
    await system.#fill();
    return system;
  }

  /** What can go wrong, and is put right again; each resolves when it is over, with false where something is wrong there already. */
  readonly faults: Readonly<Record<string, (random: Random) => Promise<boolean>>> = {
    'kill a process': (random) => {
      const process = this.#any(random);
      return this.#alone(process, async () => {
        await process.kill();
        await sleep(random(1_500));
        await process.start();
      });
    },
    'freeze a process': (random) => {
      const process = this.#any(random);
      return this.#alone(process, async () => {
        process.freeze();
        await sleep(random(3_000 * LEASE_SECONDS));
        process.thaw();
      });
    },
    'kill the depot': (random) =>
      this.#alone(this.depot, async () => {
        await this.depot.process.kill();
        await sleep(random(1_000));
        await this.depot.process.start();
      }),
    'cut PostgreSQL off': (random) =>
      this.#alone(this.ways.postgres, async () => {
        this.ways.postgres.cut();
        await sleep(random(2_000));
        this.ways.postgres.mend();
      }),
    'cut the broker off': (random) =>
      this.#alone(this.broker, async () => {
        this.ways.broker.cut();
        await sleep(random(2_000));
        this.ways.broker.mend();
      }),
    'swallow what is said to the broker': (random) =>
      this.#alone(this.broker, async () => {
        this.ways.broker.swallow();
        await sleep(random(2_000));
        this.ways.broker.mend();
      }),
    'restart the broker': () =>
      this.#alone(this.broker, async () => {
        await this.broker.stop();
        await this.broker.startAgain();
      }),
    'delete a queue': (random) =>
      this.#alone(this.broker, async () => {
        const queues = ['tidemark.jobs.backup', 'tidemark.jobs.restore', 'tidemark.reports'] as const;
        const bystander = await Bystander.open({ ...this.it.services, amqpUrl: this.broker.url });
        await bystander.deleteQueue(queues[random(queues.length)] ?? queues[0]);
        await bystander.close();
      }),
  };

  /** Asks until a gateway has taken it, under one key: it is one job. */
  async ask(operation: 'BACKUP' | 'RESTORE', fields: object): Promise<string> {
    const kind = operation === 'BACKUP' ? BACKUP_KIND : RESTORE_KIND;
    const headers = { 'idempotency-key': randomUUID() };
    for (;;) {
      try {
        const call = { headers, body: { kind, ...fields } };
        const { status, body } = await this.#client().call<Job>('PATCH', '/core/management', call);
        if (status === 202) return body.id;
      } catch (error) {
        if (!isOfTheWay(error)) throw error;
      }
      await sleep(50);
    }
  }

  async job(id: string): Promise<Job | undefined> {
    try {
      return await this.#client().job(id);
    } catch {
      return undefined;
    }
  }

  destination(scheme: 'file' | 'http', name: string): string {
    return scheme === 'file'
      ? `file:${this.it.archives}/${name}.zip`
      : `${this.depot.process.url}/archives/${name}.zip`;
  }

  async sha256Of(destination: string): Promise<string> {
    const content = destination.startsWith('file:')
      ? await readFile(new URL(destination))
      : Buffer.from(await (await fetch(destination)).arrayBuffer());
    return createHash('sha256').update(content).digest('hex');
  }

  async fingerprint(): Promise<IndexFingerprint> {
    return await fingerprintOf(this.it);
  }

  /** Ids of accepted jobs that have not ended, of all that there are. */
  async unended(): Promise<string[]> {
    const sql = 'SELECT id FROM jobs.job WHERE ended_at_micros IS NULL';
    return (await query<{ id: string }>(this.it.databaseUrl, sql)).map(({ id }) => id);
  }

  /** Resolves when nothing half made lies anywhere; what a sweep has to find may take some seconds. */
  async atRest(): Promise<void> {
    const left = async (): Promise<string[]> => [
      ...(await readdir(this.it.archives)).filter((name) => name.endsWith('.part')),
      ...(await readdir(this.depot.folder)).filter((name) => name.endsWith('.part')),
      ...(await Promise.all(['spool', 'spool-2'].map((name) => readdir(join(this.it.home, name, 'uploads'))))).flat(),
    ];
    while ((await left()).length > 0) await sleep(100);
  }

  async close(): Promise<void> {
    await this.it.remove();
    await this.ways.broker.close();
    await Promise.all([this.broker.remove(), this.ways.postgres.close(), this.depot.process.stop()]);
    await rm(this.depot.folder, { recursive: true });
  }

  async #alone(target: object, work: () => Promise<void>): Promise<boolean> {
    if (this.#broken.has(target)) return false;
    this.#broken.add(target);
    try {
      await work();
      return true;
    } finally {
      this.#broken.delete(target);
    }
  }

  #any(random: Random): TestProcess {
    const { processes } = this.it;
    return processes[random(processes.length)]!;
  }

  #client(): SystemClient {
    const { gateways } = this.it;
    return new SystemClient(gateways[this.#asked++ % gateways.length]!.url);
  }

  async #fill(): Promise<void> {
    const client = this.#client();
    const incompressible = (n: number): string => createHash('sha512').update(String(n)).digest('base64');
    const documents = (from: number) =>
      Array.from({ length: 1500 }, (_, n) => [`/kept/${from + n}`, { text: incompressible(from + n) }] as const);
    this.moment = (await client.bulk(documents(0))).lastUpdateTimeMicros ?? 0;
    this.atMoment = await this.fingerprint();
    await client.bulk(documents(1000));
    this.archived = await this.fingerprint();
    for (const scheme of ['file', 'http'] as const) {
      const { status } = await client.backup(this.destination(scheme, 'base'));
      if (status !== 200) throw new Error(`no archive to begin with: ${status}`);
    }
  }
}

/** A gateway that is being killed, or cut off, at this moment. By name: `fetch` throws errors of another realm. */
function isOfTheWay(error: unknown): boolean {
  return ['TypeError', 'SyntaxError'].includes((error as Error).name);
}
