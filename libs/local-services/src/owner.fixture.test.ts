import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { sleep } from '@tidemark/platform';

import { isRunning } from './host/processes.js';

const LIB = join(import.meta.dirname, '..');

/** What an owner prints when its server is up. */
interface Said {
  readonly url: string;
  readonly pid: number;
}

/** A process that owns the server which `expression` starts, until it is ended or its standard input is. */
export async function own(
  expression: string,
  changes: Record<string, string> = {},
): Promise<{ owner: ChildProcess; said: Said; allGone: Promise<unknown> }> {
  const { owner, allGone } = spawnOwner(expression, changes);
  const lines = createInterface({ input: owner.stdout! });
  const [line] = (await once(lines, 'line')) as [string];
  return { owner, said: JSON.parse(line) as Said, allGone };
}

/**
 * `allGone` resolves when the process and its keepers are: a keeper has its owner's standard error, which ends when
 * the last that has it does.
 */
export function spawnOwner(
  expression: string,
  changes: Record<string, string> = {},
): { owner: ChildProcess; allGone: Promise<unknown> } {
  const script = `
    import { startPostgres, startRabbitMq, temporaryPostgres, temporaryRabbitMq } from '@tidemark/local-services';
    import { createLogger } from '@tidemark/platform';
    const log = createLogger({ service: 'owner', level: 'warn' });
    const { url, pid } = await ${expression};
    console.log(JSON.stringify({ url, pid }));
    process.stdin.resume();`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: LIB,
    env: { ...process.env, ...changes },
    stdio: 'pipe',
  });
  const allGone = once(owner, 'close');
  owner.stderr.on('data', (chunk: Buffer) => process.stderr.write(chunk));
  return { owner, allGone };
}

/** The first path below `above` that is as wanted; whoever makes and removes paths there is another process. */
export async function contains(above: string, wanted: (path: string) => boolean): Promise<string> {
  for (;;) {
    const paths = await readdir(above, { recursive: true }).catch(() => []);
    const found = paths.find(wanted);
    if (found !== undefined) return found;
    await sleep(5);
  }
}

export async function parentOf(pid: number): Promise<number> {
  return (await allProcesses()).find((process) => process.pid === pid)?.parent ?? 0;
}

/** A process and all that it has started, and so on. */
export async function familyOf(pid: number): Promise<number[]> {
  const all = await allProcesses();
  const below = (parent: number): number[] =>
    all.filter((process) => process.parent === parent).flatMap((process) => [process.pid, ...below(process.pid)]);
  return [pid, ...below(pid)];
}

/** Resolves when none of the processes runs; those of a killed program notice that by themselves. */
export async function allGone(pids: readonly number[]): Promise<void> {
  for (const pid of pids) while (await isRunning(pid)) await sleep(5);
}

async function allProcesses(): Promise<{ pid: number; parent: number }[]> {
  const ps = spawn('ps', ['-A', '-o', 'pid=,ppid='], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = (await ps.stdout.toArray()).join('').trim().split('\n');
  return lines.map((line) => {
    const [pid = 0, parent = 0] = line.trim().split(/\s+/).map(Number);
    return { pid, parent };
  });
}
