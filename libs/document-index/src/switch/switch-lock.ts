import type pg from 'pg';

import { LOCKS } from '../catalog/locks.js';
import { SwitchBusyError } from '../errors.js';
import { isLockTimeout, withTransaction } from '../postgres/transaction.js';

export interface SwitchContext {
  readonly pool: pg.Pool;
  readonly indexId: number;
}

/** Shorter ones starve under bulk writers and stall them. */
const LOCK_MILLIS = 5000;

/** One transaction while nobody writes; throws {@link SwitchBusyError} when writers kept the lock for too long. */
export async function whileNobodyWrites<T>(
  { pool, indexId }: SwitchContext,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const begin = `BEGIN; SET LOCAL lock_timeout = ${LOCK_MILLIS};
    SELECT pg_advisory_xact_lock(${LOCKS.writers}, ${indexId})`;
  try {
    return await withTransaction(pool, work, begin);
  } catch (error) {
    throw isLockTimeout(causeOf(error)) ? new SwitchBusyError(error) : error;
  }
}

function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error;
}
