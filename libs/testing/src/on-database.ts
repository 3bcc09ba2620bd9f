import pg from 'pg';

/** Runs one statement on a connection of its own. */
export async function query<R extends pg.QueryResultRow>(
  databaseUrl: string,
  statement: string,
  values: unknown[] = [],
): Promise<R[]> {
  const client = await connected(databaseUrl);
  try {
    return (await client.query<R>(statement, values)).rows;
  } finally {
    await client.end();
  }
}

/** A connection for one statement, which is prepared once. */
export interface PreparedStatement<R> {
  run(values: readonly unknown[]): Promise<R[]>;
  end(): Promise<void>;
}

export async function prepare<R extends pg.QueryResultRow>(
  databaseUrl: string,
  statement: string,
): Promise<PreparedStatement<R>> {
  const client = await connected(databaseUrl);
  return {
    run: async (values) => (await client.query<R>({ name: 'prepared', text: statement, values: [...values] })).rows,
    end: () => client.end(),
  };
}

/** A transaction that holds what it has locked until it is ended. */
export interface HeldLocks {
  /** Without effect when it has ended. */
  end(): Promise<void>;
}

/** Runs statements that lock something in a transaction, and leaves it open. */
export async function holdLocks(databaseUrl: string, ...statements: string[]): Promise<HeldLocks> {
  const client = await connected(databaseUrl);
  client.on('error', () => undefined);
  for (const statement of ['BEGIN', ...statements]) await client.query(statement);
  let ending: Promise<void> | undefined;
  return { end: () => (ending ??= client.end()) };
}

/** Resolves as soon as a session waits for a lock, with its process id; one of that name where one is given. */
export async function waitingForLock(databaseUrl: string, applicationName?: string): Promise<number> {
  const client = await connected(databaseUrl);
  try {
    for (;;) {
      const { rows } = await client.query<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = coalesce($1, application_name)`,
        [applicationName ?? null],
      );
      if (rows[0]) return rows[0].pid;
    }
  } finally {
    await client.end();
  }
}

async function connected(databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'tidemark-test' });
  await client.connect();
  return client;
}
