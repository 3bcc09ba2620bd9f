import pg from 'pg';

/** The run of a job that a session of the database works for. */
export interface Attempt {
  readonly jobId: string;
  readonly fence: number;
}

const NAME = 'tidemark-attempt';

/** SQL that names the session by the attempt that it works for, until the transaction ends. */
export function workingFor(attempt: Attempt): string {
  return `SET LOCAL application_name = ${pg.escapeLiteral(nameOf(attempt))}`;
}

/** As {@link workingFor}, until the name is reset. */
export function workingForLong(attempt: Attempt): string {
  return `SET application_name = ${pg.escapeLiteral(nameOf(attempt))}`;
}

/**
 * Ends the sessions that work for earlier attempts of the job, whichever process has them: one that stands still would
 * keep its locks, and its snapshot, for as long as it does.
 */
export async function endEarlierSessions(client: pg.ClientBase, { jobId, fence }: Attempt): Promise<void> {
  await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND usename = current_user
        AND substring(application_name FROM '^${NAME} ' || $1 || ' ([0-9]+)$')::bigint < $2`,
    [jobId, fence],
  );
}

/** Shorter than the 63 bytes that the server keeps. */
function nameOf({ jobId, fence }: Attempt): string {
  return `${NAME} ${jobId} ${fence}`;
}
