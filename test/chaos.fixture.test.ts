import { randomUUID, createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { sleep } from '@tidemark/platform';
import {
  BACKUP_KIND,
  Bystander,
  fingerprintOf,
  NotReadyError,
  PostgresProxy,
  query,
  RESTORE_KIND,
  startServices,
  SystemClient,
  TcpProxy,
  type TestProcess,
  type IndexFingerprint,
  type Job,
  type Random,
  type RunningServices,
} from '@tidemark/testing';

import { DepotOnAWay } from './depot-on-a-way.fixture.test.js';
import { PrivateBroker } from './private-broker.fixture.test.js';
import { PrivatePostgres } from './private-postgres.fixture.test.js';

/** Support for tests of random faults (no test itself): two of each service, every way between them can break. */

const PIECE = String(64 * 1024);
const LEASE_SECONDS = 1;

interface Ways {
  readonly postgres: PostgresProxy;
  readonly broker: TcpProxy;
  /** From a gateway or a worker to an index-service, a gateway or the depot. */
  readonly between: TcpProxy[];
}

export class ChaosSystem {
  archived: IndexFingerprint = { liveGeneration: 0, previousGeneration: null, versions: 0, hash: '' };
  atMoment = this.archived;
  moment = 0;
  #asked = 0;
  readonly #broken = new Set<object>();

  private constructor(
    readonly it: RunningServices,
    private readonly servers: { readonly broker: PrivateBroker; readonly postgres: PrivatePostgres },
    private readonly ways: Ways,
    private readonly depot: DepotOnAWay,
    /** The queue that every event is kept in. */
    private readonly events: string,
  ) {}

  static async open(): Promise<ChaosSystem> {
    const [broker, postgres] = await Promise.all([PrivateBroker.start(), PrivatePostgres.start()]);
    const { hostname, port } = new URL(broker.url);
    const ways: Ways = {
      postgres: await PostgresProxy.open(postgres.url),
      broker: await TcpProxy.open({ host: hostname, port: Number(port) }),
      between: [],
    };
    const wayTo = async (url: string): Promise<string> => {
      const way = await TcpProxy.open({ host: '127.0.0.1', port: Number(new URL(url).port) });
      ways.between.push(way);
      return new URL(way.urlOf(url)).origin;
    };
    const depot = await DepotOnAWay.start(wayTo);
    const it = await startServices({
      postgresUrl: postgres.url,
      proxy: ways.postgres,
      amqpUrl: ways.broker.urlOf(broker.url),
      counts: { gateways: 2, indexServices: 2, workers: 2 },
      wayTo,
      settings: {
        TIDEMARK_LEASE_SECONDS: String(LEASE_SECONDS),
        TIDEMARK_PART_BYTES: PIECE,
        TIDEMARK_CHUNK_BYTES: PIECE,
        TIDEMARK_HTTP_SILENCE_SECONDS: '1',
        TIDEMARK_HTTP_ALLOW: `${depot.url}/archives`,
        TIDEMARK_HTTP_ALLOW_PRIVATE: '127.0.0.1',
      },
    });
    const bystander = await Bystander.open({ ...it.services, amqpUrl: broker.url });
    const events = await bystander.keep('tidemark.events', '#');
    await bystander.close();
    const system = new ChaosSystem(it, { broker, postgres }, ways, depot, events);
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
        await startedAgain(process);
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
    'restart PostgreSQL': () => this.#alone(this.ways.postgres, () => this.servers.postgres.restart()),
    'cut two processes off from each other': (random) => this.#breakWay(random, (way) => way.cut()),
    'swallow what two processes say to each other': (random) => this.#breakWay(random, (way) => way.swallow()),
    'cut PostgreSQL off': (random) =>
      this.#alone(this.ways.postgres, async () => {
        this.ways.postgres.cut();
        await sleep(random(2_000));
        this.ways.postgres.mend();
      }),
    'cut the broker off': (random) =>
      this.#alone(this.servers.broker, async () => {
        this.ways.broker.cut();
        await sleep(random(2_000));
        this.ways.broker.mend();
      }),
    'swallow what is said to the broker': (random) =>
      this.#alone(this.servers.broker, async () => {
        this.ways.broker.swallow();
        await sleep(random(2_000));
        this.ways.broker.mend();
      }),
    'restart the broker': () =>
      this.#alone(this.servers.broker, async () => {
        await this.servers.broker.stop();
        await this.servers.broker.startAgain();
      }),
    'delete a queue': (random) =>
      this.#alone(this.servers.broker, async () => {
        const queues = ['tidemark.jobs.backup', 'tidemark.jobs.restore', 'tidemark.reports'] as const;
        const bystander = await this.#bystander();
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
    return scheme === 'file' ? `file:${this.it.archives}/${name}.zip` : `${this.depot.url}/archives/${name}.zip`;
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

  /** How many ends of a job were told, by its id, as soon as there is one of each; the same told again counts once. */
  async endsTold(ids: readonly string[]): Promise<Map<string, number>> {
    const revisions = new Map(ids.map((id) => [id, new Set<number>()]));
    const bystander = await this.#bystander();
    while ([...revisions.values()].some((told) => told.size === 0)) {
      for (const body of await bystander.drain(this.events)) {
        const { id, revision } = JSON.parse(body) as Job;
        revisions.get(id)?.add(revision);
      }
      await sleep(100);
    }
    await bystander.close();
    return new Map([...revisions].map(([id, told]) => [id, told.size]));
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
    await Promise.all([this.ways.broker, this.ways.postgres, ...this.ways.between].map((way) => way.close()));
    await Promise.all([this.servers.broker.remove(), this.servers.postgres.remove(), this.depot.remove()]);
  }

  #bystander(): Promise<Bystander> {
    return Bystander.open({ ...this.it.services, amqpUrl: this.servers.broker.url });
  }

  #breakWay(random: Random, breakIt: (way: TcpProxy) => void): Promise<boolean> {
    const { between } = this.ways;
    const way = between[random(between.length)]!;
    return this.#alone(way, async () => {
      breakIt(way);
      await sleep(random(3_000 * LEASE_SECONDS));
      way.mend();
    });
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

/** As whoever runs services would: one that ends as it starts, because its database is away, is started again. */
async function startedAgain(process: TestProcess): Promise<void> {
  try {
    await process.start();
  } catch (error) {
    if (!(error instanceof NotReadyError)) throw error;
    await startedAgain(process);
  }
}

/** A gateway that is being killed, or cut off, at this moment. By name: `fetch` throws errors of another realm. */
function isOfTheWay(error: unknown): boolean {
  return ['TypeError', 'SyntaxError'].includes((error as Error).name);
}
