import pg from 'pg';

import { ServerRefusedError, ServerUnreachableError } from '../errors.js';

/** Rows of values as text. */
export type Rows = readonly (readonly (string | null)[])[];

const SILENCE_MILLIS = 5_000;
const asText = { getTypeParser: () => String };

/**
 * Logs in, puts one statement and goes: for looking at a server before anything else may use it. Throws {@link ServerRefusedError} or {@link ServerUnreachableError}.
 */
export async function askPostgres(url: string, statement: string): Promise<Rows> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'tidemark',
    connectionTimeoutMillis: SILENCE_MILLIS,
    query_timeout: SILENCE_MILLIS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<(string | null)[]>({ text: statement, rowMode: 'array', types: asText });
    return rows;
  } catch (error) {
    throw codedError(new URL(url).host, error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** An error of the server has its SQLSTATE; whatever else happened, it could not be reached. */
function codedError(host: string, error: unknown): Error {
  const { message } = error as Error;
  if (error instanceof pg.DatabaseError && error.code !== undefined) return new ServerRefusedError(error.code, message);
  return new ServerUnreachableError(host, message, { cause: error });
}
