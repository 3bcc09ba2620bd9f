import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { extname, join } from 'node:path';

import { environment } from '@tidemark/platform';

import type { KeeperReport, Order } from './keeper-process.js';
import type { Program } from './program.js';

/** How a program ended, nulls if nobody saw it; `keeperLost`: its keeper was killed, and the program may still run. */
export interface ProgramExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly keeperLost: boolean;
}

export interface RunningProgram {
  readonly pid: number;
  readonly exited: Promise<ProgramExit>;
}

/**
 * Our side of a keeper process (see keeper-process.ts). Its programs and folder go with us: when we close it, when we
 * end without closing it, and when we are killed. The program that was run last is ended first.
 */
export class Keeper {
  readonly #child: ChildProcess;
  readonly #gone: Promise<{ orderly: boolean }>;
  #orders = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#gone = new Promise((resolve) => {
      child.once('exit', (code) => resolve({ orderly: code === 0 }));
    });
    // A message that cannot be sent: the keeper is gone, and whoever waits learns that from `#gone`.
    child.on('error', () => undefined);
  }

  /** Resolves when the keeper watches. `removeAtEnd`: a folder that goes when it goes; it need not be there yet. */
  static async open(options: { removeAtEnd?: string } = {}): Promise<Keeper> {
    const script = join(import.meta.dirname, `keeper-process${extname(import.meta.filename)}`);
    const child = fork(script, options.removeAtEnd === undefined ? [] : [options.removeAtEnd], {
      detached: true,
      execArgv: [],
      env: librarySettings(),
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    await once(child, 'spawn');
    const keeper = new Keeper(child);
    await keeper.#report((report) => (report.event === 'ready' ? true : undefined));
    return keeper;
  }

  /** Resolves when the program has been started; rejects with the system's code when it cannot be. */
  async run(program: Program): Promise<RunningProgram> {
    const order: Order = { number: ++this.#orders, program };
    const isOurs = (report: KeeperReport): boolean => 'number' in report && report.number === order.number;
    const exited = this.#report((report) =>
      report.event === 'exited' && isOurs(report)
        ? { code: report.code, signal: report.signal, keeperLost: false }
        : undefined,
    ).catch((error: unknown) => ({ code: null, signal: null, keeperLost: error instanceof KeeperLostError }));
    const started = this.#report((report) =>
      (report.event === 'started' || report.event === 'failed') && isOurs(report) ? report : undefined,
    );
    this.#child.send(order);
    const report = await started;
    if (report.event === 'started') return { pid: report.pid, exited };
    throw Object.assign(new Error(`cannot be started: ${report.code}`), { code: report.code });
  }

  /** Lets our process end although the keeper lives; the program then ends too. */
  release(): void {
    this.#child.unref();
    this.#child.channel?.unref();
  }

  /** Ends the program, removes the folder; resolves when the keeper is gone. Again is fine. */
  async close(): Promise<void> {
    this.#child.ref();
    if (this.#child.connected) this.#child.disconnect();
    await this.#gone;
  }

  /** The first report that `take` makes something of. Rejects when the keeper goes before. */
  #report<T>(take: (report: KeeperReport) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = (report: KeeperReport): void => {
        const taken = take(report);
        if (taken === undefined) return;
        this.#child.off('message', look);
        resolve(taken);
      };
      this.#child.on('message', look);
      void this.#gone.then(({ orderly }) =>
        reject(orderly ? new Error('the keeper has ended') : new KeeperLostError()),
      );
    });
  }
}

/** The keeper was killed; what it ran may still run. */
class KeeperLostError extends Error {
  constructor() {
    super('the keeper was killed');
  }
}

/** What Node itself may need to start; no other setting of ours, no secret, reaches a keeper. */
function librarySettings(): Record<string, string> {
  const { PATH, LD_LIBRARY_PATH } = environment();
  return { ...(PATH ? { PATH } : {}), ...(LD_LIBRARY_PATH ? { LD_LIBRARY_PATH } : {}) };
}
