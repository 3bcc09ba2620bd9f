import type pg from 'pg';

import { databaseErrorOf } from '@tidemark/contracts';

import { IndexUnavailableError } from '../errors.js';

/** Runs `work` with a connection of the pool. A connection that failed is closed, not given back. */
export async function withClient<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw coded(error);
  });
  try {
    const result = await work(client);
    client.release();
    return result;
  } catch (error) {
    client.release(isOfTheDatabase(error) ? asError(error) : undefined);
    throw coded(error);
  }
}

/** As {@link withClient}, in a transaction that `begin` opens and that is committed when `work` is through. */
export async function withTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  begin = 'BEGIN',
): Promise<T> {
  return await withClient(pool, async (client) => {
    try {
      await client.query(begin);
      const result = await work(client);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  });
}

/** SQLSTATE of an error of the server, else the empty string. */
export function sqlState(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** SQLSTATE classes of what is wrong with rows: data exceptions, broken constraints, more than the server can take. */
const REFUSED_ROW = /^(22|23|54)/;

export function isRefusedRow(error: unknown): boolean {
  return REFUSED_ROW.test(sqlState(error));
}

const CANCELED = '57014';
const LOCK_NOT_AVAILABLE = '55P03';
const UNDEFINED_TABLE = '42P01';
const UNDEFINED_SCHEMA = '3F000';

export function isLockTimeout(error: unknown): boolean {
  return sqlState(error) === LOCK_NOT_AVAILABLE;
}

/** True when the tables that a statement names have been dropped. */
export function isGenerationGone(error: unknown): boolean {
  return sqlState(error) === UNDEFINED_TABLE || sqlState(error) === UNDEFINED_SCHEMA;
}

/** The error that callers shall see for an error of the driver or the server; others as they are. */
export function coded(error: unknown): unknown {
  if (sqlState(error) === CANCELED || isLockTimeout(error)) return new IndexUnavailableError('it was too busy', error);
  return databaseErrorOf(error) ?? error;
}

function isOfTheDatabase(error: unknown): boolean {
  return databaseErrorOf(error) !== undefined;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
