import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { query } from '@tidemark/testing';

const NAMES = ['pg_dump', 'pg_restore', 'psql'] as const;
type Name = (typeof NAMES)[number];

/** Commands of PostgreSQL that can be used with a server; what was not found is missing. */
export type PostgresPrograms = Partial<Record<Name, string>>;

/** A program of PostgreSQL has not done what it should. */
class ProgramFailedError extends Error {
  override readonly name = 'ProgramFailedError';
  constructor(command: string, told: string) {
    super(`${command} failed: ${told.trim()}`);
  }
}

/** Looks beside the server's own binaries, then on the PATH; what is older than the server cannot be used with it. */
export async function findPrograms(databaseUrl: string): Promise<PostgresPrograms> {
  const [server] = await query<{ folder: string; version: number }>(
    databaseUrl,
    `SELECT current_setting('server_version_num')::int AS version,
        (SELECT setting FROM pg_config WHERE name = 'BINDIR') AS folder`,
  );
  if (!server) throw new Error('the server tells no version');
  const major = Math.floor(server.version / 10_000);
  const found: PostgresPrograms = {};
  for (const name of NAMES) {
    for (const command of [join(server.folder, name), name]) {
      if (!((await majorOf(command)) >= major)) continue;
      found[name] = command;
      break;
    }
  }
  return found;
}

/** What is missing, and why that matters; undefined where all are there. */
export function missingPrograms(programs: PostgresPrograms): string | undefined {
  const missing = NAMES.filter((name) => programs[name] === undefined);
  if (missing.length === 0) return undefined;
  return `left out for want of ${missing.join(', ')} as new as the server: rows that need them`;
}

/** Runs one to its end; what it writes to its standard output is thrown away. */
export async function runProgram(command: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], signal });
  const ended = once(child, 'close') as Promise<[number | null]>;
  const [told, [code]] = await Promise.all([text(child.stderr), ended]);
  if (code !== 0) throw new ProgramFailedError(command, told);
}

/** NaN for what is not there. */
async function majorOf(command: string): Promise<number> {
  const child = spawn(command, ['--version'], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const [told] = await Promise.all([text(child.stdout), once(child, 'close')]);
    return Number(/\(PostgreSQL\) (\d+)/.exec(told)?.[1]);
  } catch {
    return NaN;
  }
}
