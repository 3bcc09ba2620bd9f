import { ServerRefusedError } from '../errors.js';
import { isAlive } from '../host/processes.js';
import { askPostgres } from './ask-postgres.js';

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];

/**
 * Drops the databases `<prefix>_<pid>_…` whose process is gone, and answers their names. Only on this machine's own
 * server, since process ids of another machine mean nothing here; a database that somebody is connected to stays.
 */
export async function dropAbandonedDatabases(url: string, prefix: string): Promise<string[]> {
  if (!LOOPBACK.includes(new URL(url).hostname)) return [];
  const rows = await askPostgres(
    url,
    `SELECT datname FROM pg_database d WHERE starts_with(datname, '${prefix}_')
       AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)`,
  );
  const names = rows.flatMap(([name]) => name ?? []).filter((name) => isAbandoned(name, prefix));
  const dropped: string[] = [];
  for (const name of names) if (await drop(url, name)) dropped.push(name);
  return dropped;
}

/** False if somebody has connected to it meanwhile, or another run drops it at this moment. */
async function drop(url: string, name: string): Promise<boolean> {
  try {
    await askPostgres(url, `DROP DATABASE IF EXISTS "${name}"`);
    return true;
  } catch (error) {
    if (error instanceof ServerRefusedError) return false;
    throw error;
  }
}

function isAbandoned(name: string, prefix: string): boolean {
  const pid = new RegExp(`^${prefix}_(\\d+)_[a-z0-9_]+$`).exec(name)?.[1];
  return pid !== undefined && !isAlive(Number(pid));
}
