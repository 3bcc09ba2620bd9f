import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';

import { errnoOf, sleep } from '@tidemark/platform';

import type { Program } from '../keeper/program.js';

const LOOK_EVERY_MILLIS = 25;

/** Whether a process has this id now; it need not be ours. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}

/** As {@link isAlive}, but a process that is over and waits for its parent to notice does not count. */
export async function isRunning(pid: number): Promise<boolean> {
  return isAlive(pid) && (await commandLine(pid)) !== '';
}

/** Program and arguments of a process; empty if it is over but not forgotten, undefined if it is gone or hidden. */
export async function commandLine(pid: number): Promise<string | undefined> {
  try {
    if (process.platform === 'linux') return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
    return (await promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', String(pid)])).stdout.trim();
  } catch {
    return undefined;
  }
}

/** On Linux the working folder of a process; undefined if it is gone or hidden from us. */
export function workingFolder(pid: number): Promise<string | undefined> {
  return readlink(`/proc/${pid}/cwd`).catch(() => undefined);
}

/** Ends a process that is nobody's child of ours: each signal in turn. Answers whether it is gone. */
export async function endProcess(
  pid: number,
  { ending, gone }: { ending: Program['ending']; gone: () => Promise<boolean> },
): Promise<boolean> {
  for (const { signal, millis } of ending) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (errnoOf(error) === 'ESRCH') return true;
      throw error;
    }
    // No event tells of the end of a process that is not our child.
    for (let waited = 0; waited < millis; waited += LOOK_EVERY_MILLIS) {
      if (await gone()) return true;
      await sleep(LOOK_EVERY_MILLIS);
    }
  }
  return gone();
}
