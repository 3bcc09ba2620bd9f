import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

import { TICKS_A_SECOND } from './proc-stat.ts';

/** Of /proc/stat: idle and waiting for a disk. */
const IDLE = [3, 4];
/** Of /proc/stat: what guests took is counted in user and nice already. */
const GUESTS = [8, 9];

/** Of all processors of this machine: busy for whomever, and taken away by the machine that it runs on. */
export function busySeconds(): number {
  const [first = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const ticks = first.trim().split(/\s+/).slice(1).map(Number);
  const busy = ticks.filter((_, place) => !IDLE.includes(place) && !GUESTS.includes(place));
  return busy.reduce((sum, each) => sum + each, 0) / TICKS_A_SECOND;
}

/** Of this process. */
export function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** What others had of the processors, from 0 to 1. */
export function shareOfOthers({ seconds, others }: { seconds: number; others: number }): number {
  return Math.max(0, others / (seconds * availableParallelism()));
}
