import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { findPostgres, findRabbitMq } from '@tidemark/local-services';
import { environment } from '@tidemark/platform';
import { query } from '@tidemark/testing';

import type { History } from './histories.ts';
import type { KeptArchive } from './kept-archive.ts';
import { startMeasuredDepot, type MeasuredDepot } from './measured-depot.ts';
import { startMeasuredSystem, type MeasuredSystem, type SystemOptions } from './measured-system.ts';
import { endedWell } from './jobs.ts';

export type Say = (line: string) => void;

/** The servers and the folder of one run of the bench. What is made here is gone when it is removed. */
export class Workplace {
  /** For lines of progress. */
  readonly say: Say;
  readonly #archives = new Map<string, Promise<KeptArchive>>();
  readonly #removals: (() => Promise<unknown>)[] = [];
  readonly #removed = new AbortController();
  #postgresUrl = '';
  #amqpUrl = '';
  #folder = '';

  private constructor(say: Say) {
    this.say = say;
  }

  /** Finds or starts PostgreSQL and RabbitMQ, and tells which it took. */
  static async open(say: Say): Promise<Workplace> {
    const place = new Workplace(say);
    try {
      await place.#open();
      return place;
    } catch (error) {
      await place.remove();
      throw error;
    }
  }

  /** URL of a superuser. */
  get postgresUrl(): string {
    return this.#postgresUrl;
  }

  /** Where every system of the bench may put archives. */
  get archives(): string {
    return join(this.#folder, 'archives');
  }

  /** Aborts when everything is removed. */
  get signal(): AbortSignal {
    return this.#removed.signal;
  }

  async serverVersion(): Promise<string> {
    const statement = `SELECT current_setting('server_version') AS version`;
    const [row] = await query<{ version: string }>(this.#postgresUrl, statement);
    return row?.version ?? '';
  }

  /** A system for as long as `work` runs. */
  async withSystem<T>(options: SystemOptions, work: (system: MeasuredSystem) => Promise<T>): Promise<T> {
    return await this.with(this.#start(options), work);
  }

  /** A depot for as long as `work` runs. */
  async withDepot<T>(work: (depot: MeasuredDepot) => Promise<T>): Promise<T> {
    return await this.with(startMeasuredDepot(await mkdtemp(join(this.#folder, 'depot-'))), work);
  }

  /** Something that has to be removed, be it that the bench is interrupted, for as long as `work` runs. */
  async with<R extends { remove(): Promise<unknown> }, T>(making: Promise<R>, work: (it: R) => Promise<T>): Promise<T> {
    let removing: Promise<unknown> | undefined;
    const remove = (): Promise<unknown> => (removing ??= making.then((it) => it.remove()));
    this.#removals.push(remove);
    const it = await making;
    try {
      this.signal.throwIfAborted();
      return await work(it);
    } finally {
      await remove();
      this.#removals.splice(this.#removals.indexOf(remove), 1);
    }
  }

  /** Writes a history into an index of its own, once in a run of the bench, and backs it up. */
  async archiveOf(history: History): Promise<KeptArchive> {
    const known = this.#archives.get(history.name);
    if (known) return await known;
    const made = this.withSystem({}, async ({ services: { client } }) => {
      for (const { documents } of history.writes()) await client.bulk(documents);
      const destination = `file:${this.archives}/${this.#archives.size}.zip`;
      const { result } = await endedWell(client.backup(destination));
      if (!result || !('archive' in result)) throw new Error('a backup has no result');
      const { documents, versions, archive } = result;
      this.say(`${history.name}: ${versions} versions of ${documents} documents are written`);
      return { destination, documents, versions, bytes: archive.bytes, parts: archive.parts };
    });
    this.#archives.set(history.name, made);
    return await made;
  }

  /** Ends and removes everything that is still there. */
  async remove(): Promise<void> {
    this.#removed.abort();
    for (const each of this.#removals.splice(0).reverse()) await each();
  }

  async #open(): Promise<void> {
    const { TIDEMARK_TEST_POSTGRES, TIDEMARK_TEST_RABBITMQ } = environment();
    const postgres = await findPostgres({ setting: TIDEMARK_TEST_POSTGRES });
    this.#removals.push(() => postgres.stop());
    const rabbitMq = await findRabbitMq({ setting: TIDEMARK_TEST_RABBITMQ });
    this.#removals.push(() => rabbitMq.stop());
    this.say(`${postgres.line}\n${rabbitMq.line}`);
    this.#postgresUrl = postgres.url;
    this.#amqpUrl = rabbitMq.url;
    this.#folder = await mkdtemp(join(tmpdir(), 'tidemark-bench-'));
    this.#removals.push(() => rm(this.#folder, { recursive: true }));
    await mkdir(this.archives);
  }

  async #start(options: SystemOptions): Promise<MeasuredSystem> {
    this.signal.throwIfAborted();
    const servers = { postgresUrl: this.#postgresUrl, amqpUrl: this.#amqpUrl };
    return await startMeasuredSystem({ ...options, ...servers, archives: this.archives });
  }
}
