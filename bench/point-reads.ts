import { prepare, query, type PreparedStatement } from '@tidemark/testing';

interface PointReads {
  /** Each caller has a connection of its own. */
  read(caller: number, link: string): Promise<unknown>;
  close(): Promise<void>;
}

/** The latest version of a document by SQL alone: the least that reading it can take. */
export function pointReads(databaseUrl: string): PointReads {
  const connections = new Map<number, Promise<PreparedStatement<Record<string, unknown>>>>();
  const open = async () => {
    const [row] = await query<{ live: string }>(databaseUrl, 'SELECT live_generation AS live FROM catalog.index');
    const schema = `index_${row?.live ?? ''}`;
    return await prepare(
      databaseUrl,
      `SELECT latest.* FROM ${schema}.document JOIN ${schema}.document_version latest USING (link, version) WHERE link = $1`,
    );
  };
  return {
    read: async (caller, link) => {
      const connection = connections.get(caller) ?? open();
      connections.set(caller, connection);
      const rows = await (await connection).run([link]);
      if (rows.length !== 1) throw new Error(`there is no ${link}`);
    },
    close: async () => {
      for (const connection of connections.values()) await (await connection).end();
    },
  };
}
