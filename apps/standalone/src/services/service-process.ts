import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

import type { OnStop } from '@tidemark/nest';
import { ConfigError, SERVICE_NODE_FLAGS, type Environment } from '@tidemark/platform';

export interface ServiceProcess {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
}

interface Start {
  readonly name: string;
  readonly settings: Environment;
  readonly onStop: OnStop;
}

const READY = /^Tidemark \S+ is ready at (\S+)/;
/** A service gives itself 20. */
const STOP_MILLIS = 25_000;
const END_WITH_PARENT = new URL('end-with-parent.js', import.meta.url).href;

/**
 * Runs a service in a process of its own, in a session of its own: Ctrl-C reaches only us, and we stop them in order.
 * One that ends by itself is named, and everything stops.
 */
export async function startService({ name, settings, onStop }: Start): Promise<ServiceProcess> {
  const main = new URL('main.js', import.meta.resolve(`@tidemark/${name}`)).pathname;
  const child = spawn(process.execPath, [...SERVICE_NODE_FLAGS, '--import', END_WITH_PARENT, main], {
    env: settings,
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const exited = once(child, 'exit').then(([code, signal]) => String(code ?? signal));
  let isStopping = false;
  onStop(name, async () => {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${name} had ended by itself`);
    isStopping = true;
    await stop(child, exited);
  });
  copyLines(child.stderr, name);
  const url = await readyUrl(child, { name, exited });
  void exited.then((how) => {
    if (isStopping) return;
    process.stderr.write(`${name} ended by itself (${how}); everything stops\n`);
    process.kill(process.pid, 'SIGTERM');
  });
  return { name, url, pid: child.pid ?? 0 };
}

async function stop(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  const tooLate = setTimeout(() => child.kill('SIGKILL'), STOP_MILLIS);
  child.kill('SIGTERM');
  await exited;
  clearTimeout(tooLate);
}

/** The line that a service prints when it serves; what it says later is copied. */
function readyUrl(
  { stdout }: ChildProcess & { stdout: Readable },
  { name, exited }: { name: string; exited: Promise<string> },
): Promise<string> {
  return new Promise((resolve, reject) => {
    copyLines(stdout, name, (line) => {
      const url = READY.exec(line)?.[1];
      if (url !== undefined) resolve(url);
      return url === undefined;
    });
    void exited.then((how) => reject(new ConfigError(`${name} ended before it was ready (${how})`)));
  });
}

/** Copies lines to our standard error with the service's name before each; those that are not `wanted` stay out. */
function copyLines(from: Readable, name: string, wanted: (line: string) => boolean = () => true): void {
  createInterface({ input: from }).on('line', (line) => {
    if (wanted(line)) process.stderr.write(`${name} | ${line}\n`);
  });
}
