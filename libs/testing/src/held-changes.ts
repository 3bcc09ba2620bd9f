import { holdLocks, query } from './on-database.js';

/** Changes of rows that wait before they are made. */
export interface HeldChanges {
  /** Resolves as soon as one waits, with the process id of its session. */
  reached(): Promise<number>;
  /** What waits is made, and nothing is held any more. */
  release(): Promise<void>;
}

const LOCK = 1_795_384_850;

/**
 * Holds up changes of a system's rows, behind its back, until they are released: `UPDATE ON jobs.job`, say, where a
 * condition in SQL on NEW and OLD is true.
 */
export async function holdChanges(
  { databaseUrl }: { databaseUrl: string },
  change: `${'INSERT' | 'UPDATE'} ON ${string}`,
  condition: string,
): Promise<HeldChanges> {
  await query(
    databaseUrl,
    `CREATE OR REPLACE FUNCTION public.held() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_advisory_xact_lock_shared(${LOCK}); RETURN NEW; END $$`,
  );
  await query(
    databaseUrl,
    `CREATE TRIGGER held BEFORE ${change} FOR EACH ROW WHEN (${condition}) EXECUTE FUNCTION public.held()`,
  );
  const locks = await holdLocks(databaseUrl, `SELECT pg_advisory_xact_lock(${LOCK})`);
  return {
    reached: () => waiting(databaseUrl),
    release: async () => {
      await locks.end();
      await query(databaseUrl, `DROP TRIGGER held ON ${change.split(' ON ')[1]}`);
    },
  };
}

async function waiting(databaseUrl: string): Promise<number> {
  for (;;) {
    const [session] = await query<{ pid: number }>(
      databaseUrl,
      `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 0 AND objid = ${LOCK} AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    if (session) return session.pid;
  }
}

/** Has the database refuse changes of a system's rows with an SQLSTATE, until the function that it gives back is called. */
export async function refuseChanges(
  { databaseUrl }: { databaseUrl: string },
  change: `${'INSERT' | 'UPDATE'} ON ${string}`,
  sqlState: string,
): Promise<() => Promise<void>> {
  await query(
    databaseUrl,
    `CREATE OR REPLACE FUNCTION public.refused() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE 'refused by a test' USING ERRCODE = '${sqlState}'; END $$`,
  );
  await query(databaseUrl, `CREATE TRIGGER refused BEFORE ${change} FOR EACH ROW EXECUTE FUNCTION public.refused()`);
  return async () => {
    await query(databaseUrl, `DROP TRIGGER refused ON ${change.split(' ON ')[1]}`);
  };
}

/** A job whose attempt fails stays QUEUED, however long that is, until the function that it gives back is called. */
export async function holdRetries({ databaseUrl }: { databaseUrl: string }): Promise<() => Promise<void>> {
  await query(
    databaseUrl,
    `CREATE OR REPLACE FUNCTION public.put_off() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN NEW.not_before_micros := 9e15::bigint; RETURN NEW; END $$`,
  );
  await query(
    databaseUrl,
    `CREATE TRIGGER put_off BEFORE UPDATE ON jobs.job FOR EACH ROW
      WHEN (NEW.state = 'QUEUED' AND OLD.state = 'RUNNING') EXECUTE FUNCTION public.put_off()`,
  );
  return async () => {
    await query(databaseUrl, 'DROP TRIGGER put_off ON jobs.job');
    await query(databaseUrl, `UPDATE jobs.job SET not_before_micros = 0 WHERE state = 'QUEUED'`);
  };
}
