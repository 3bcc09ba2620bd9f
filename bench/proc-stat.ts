import { readFileSync } from 'node:fs';

export const TICKS_A_SECOND = 100;

/** A process as Linux tells of it, in ticks. */
export interface ProcStat {
  readonly pid: number;
  readonly name: string;
  readonly parent: number;
  readonly ticks: number;
  /** Of children that have ended. */
  readonly endedTicks: number;
}

/** Undefined for one that is not there. */
export function statOf(pid: number): ProcStat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const sum = (...places: number[]): number => places.reduce((total, place) => total + Number(fields[place]), 0);
    return { pid, name, parent: Number(fields[1]), ticks: sum(11, 12), endedTicks: sum(13, 14) };
  } catch {
    return undefined;
  }
}
