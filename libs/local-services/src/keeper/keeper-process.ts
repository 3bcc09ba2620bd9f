/**
 * The keeper: a small process between ours and a server. It is the server's parent, so it always knows whether that
 * process still is the one it started. When our side of the channel closes, for whatever reason, kill -9 included,
 * it ends what it runs, the last one first, removes the folder that its argument names, and goes.
 *
 * Imports nothing of ours but types: it is run as it stands, by path.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

import type { Program } from './program.js';

/** What a keeper is told to run; reports about it carry its number. */
export interface Order {
  readonly number: number;
  readonly program: Program;
}

/** What a keeper tells: that it watches, and what becomes of a program. */
export type KeeperReport =
  | { readonly event: 'ready' }
  | { readonly event: 'started'; readonly number: number; readonly pid: number }
  | { readonly event: 'failed'; readonly number: number; readonly code: string }
  | {
      readonly event: 'exited';
      readonly number: number;
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
    };

interface Running {
  readonly child: ChildProcess;
  readonly ending: Program['ending'];
}

/** Never through a link: root may write into a folder of another user. */
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;

const removeAtEnd = process.argv[2];
const running: Running[] = [];
let ending = false;

process.title = 'tidemark-keeper';
process.on('message', (order) => run(order as Order));
process.once('disconnect', () => void end());
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end());
if (process.connected) report({ event: 'ready' });
else void end(); // our side was gone before this one listened

function run({ number, program }: Order): void {
  try {
    const child = start(program);
    child.once('spawn', () => report({ event: 'started', number, pid: child.pid ?? 0 }));
    child.once('error', (error) => reportFailure(number, error));
    child.once('exit', (code, signal) => report({ event: 'exited', number, code, signal }));
    running.unshift({ child, ending: program.ending });
  } catch (error) {
    reportFailure(number, error);
  }
}

function start(program: Program): ChildProcess {
  const output = openSync(program.output, APPEND, 0o600);
  try {
    const stdio = ['ignore', output, output] as const;
    return spawn(program.command, program.args, { cwd: '/', env: program.env, stdio: [...stdio], ...program.user });
  } finally {
    closeSync(output);
  }
}

function reportFailure(number: number, error: unknown): void {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  report({ event: 'failed', number, code });
}

function report(what: KeeperReport): void {
  if (process.connected) process.send?.(what, () => undefined);
}

async function end(): Promise<void> {
  if (ending) return;
  ending = true;
  for (const program of running) await endProgram(program);
  if (removeAtEnd !== undefined) await rm(removeAtEnd, { recursive: true, force: true, maxRetries: 20 });
  process.exit(0);
}

async function endProgram({ child, ending }: Running): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit').then(() => true);
  for (const { signal, millis } of ending) {
    child.kill(signal);
    if (await Promise.race([gone, delay(millis, false)])) return;
  }
}
