import pg from 'pg';
import { DataSource, QueryFailedError, type QueryRunner } from 'typeorm';

import { databaseErrorOf, DatabaseUnavailableError } from '@tidemark/contracts';
import type { Logger } from '@tidemark/platform';

import type { StoredJob } from '../life/stored-job.js';
import { jobEntity } from './job-entity.js';
import { migrate } from './migrate.js';

export interface DatabaseOptions {
  readonly url: string;
  /** Connections at most. */
  readonly poolSize: number;
  readonly log: Logger;
  /** How long a statement may take; a connection that is silent for half as long again is closed. */
  readonly answerMillis?: number;
}

/** A row as the driver gives it, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>;

const CONNECT_MILLIS = 5_000;
const ANSWER_MILLIS = 15_000;
const UNIQUE_VIOLATION = '23505';
const QUERY_CANCELED = '57014';

/** The tables of jobs behind one bounded pool. Lost connections and late answers come out as DATABASE_UNAVAILABLE. */
export class JobsDatabase {
  #isClosing = false;

  private constructor(private readonly source: DataSource) {}

  /** Migrates the tables first. */
  static async open(options: DatabaseOptions): Promise<JobsDatabase> {
    try {
      await migrate(options.url);
      const database: JobsDatabase = new JobsDatabase(
        dataSourceOf(options, (error) => {
          if (!database.#isClosing) tellLost(options.log, error);
        }),
      );
      await database.source.initialize();
      return database;
    } catch (error) {
      throw codedError(error);
    }
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.source.destroy();
  }

  /** Runs one statement that ends in a SELECT; values in the template become parameters, functions plain SQL. */
  async rows<R extends Row = Row>(template: TemplateStringsArray, ...values: unknown[]): Promise<R[]> {
    return await this.run(async (runner) => await runner.sql<R[]>(template, ...values));
  }

  /** Runs `work` on one connection of the pool. */
  async run<T>(work: (runner: QueryRunner) => Promise<T>): Promise<T> {
    const runner = this.source.createQueryRunner();
    try {
      const client = (await runner.connect()) as pg.PoolClient;
      return await work(runner).catch((error: unknown) => {
        // The pool takes back no connection that has begun to end; this one would fail its next user as well.
        if (isLost(error)) void client.end();
        throw error;
      });
    } catch (error) {
      throw codedError(error);
    } finally {
      await runner.release();
    }
  }

  toStoredJob(row: Row): StoredJob {
    const { columns } = this.source.getMetadata(jobEntity);
    return Object.fromEntries(
      columns.map((column) => [column.propertyName, row[column.databaseName]]),
    ) as unknown as StoredJob;
  }
}

/** True for the violation of a unique index by name. */
export function violates(error: unknown, index: string): boolean {
  return error instanceof pg.DatabaseError && error.code === UNIQUE_VIOLATION && error.constraint === index;
}

function dataSourceOf(
  { url, poolSize, answerMillis = ANSWER_MILLIS }: DatabaseOptions,
  onLost: (error: Error) => void,
): DataSource {
  const types = new pg.TypeOverrides();
  types.setTypeParser(pg.types.builtins.INT8, Number);
  return new DataSource({
    type: 'postgres',
    url,
    applicationName: 'tidemark-jobs',
    poolSize,
    connectTimeoutMS: CONNECT_MILLIS,
    entities: [jobEntity],
    installExtensions: false,
    poolErrorHandler: onLost,
    extra: { types, keepAlive: true, statement_timeout: answerMillis, query_timeout: answerMillis * 1.5 },
  });
}

/** Without the connection itself, which the pool hangs on the error. */
function tellLost(log: Logger, { message, code }: Error & { code?: string }): void {
  log.warn({ code, reason: message }, 'an idle connection to the jobs was lost');
}

/** The error that callers shall see. */
function codedError(error: unknown): unknown {
  const cause = driverErrorOf(error);
  const isTooSlow = cause instanceof pg.DatabaseError && cause.code === QUERY_CANCELED;
  return isTooSlow ? new DatabaseUnavailableError(cause) : (databaseErrorOf(cause) ?? cause);
}

function isLost(error: unknown): boolean {
  return databaseErrorOf(driverErrorOf(error)) instanceof DatabaseUnavailableError;
}

/** The driver's own error instead of TypeORM's, which carries every parameter of the statement. */
function driverErrorOf(error: unknown): unknown {
  return error instanceof QueryFailedError ? error.driverError : error;
}
