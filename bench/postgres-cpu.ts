import { readdirSync } from 'node:fs';

import { query } from '@tidemark/testing';

import { statOf, TICKS_A_SECOND } from './proc-stat.ts';

/** Resolves with a way to read the processor time, in seconds, of a server: undefined where it runs elsewhere. */
export async function postgresCpu(databaseUrl: string): Promise<() => number | undefined> {
  const [row] = await query<{ file: string }>(databaseUrl, `SELECT pg_read_file('postmaster.pid') AS file`);
  const postmaster = Number.parseInt(row?.file ?? '', 10);
  const isHere = statOf(postmaster)?.name === 'postgres';
  return () => (isHere ? cpuOfFamily(postmaster) : undefined);
}

/** What a child took that has ended is counted with its parent. */
function cpuOfFamily(postmaster: number): number {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const processes = pids.map((pid) => statOf(Number(pid)));
  const own = processes.find((process) => process?.pid === postmaster);
  const children = processes.filter((process) => process?.parent === postmaster);
  const ticks = children.reduce((sum, child) => sum + (child?.ticks ?? 0), (own?.ticks ?? 0) + (own?.endedTicks ?? 0));
  return ticks / TICKS_A_SECOND;
}
