import type { Keeper, ProgramExit, RunningProgram } from '../keeper/keeper.js';
import { lastLines } from './explain.js';

/** How a server ended. */
export interface ServerExit {
  /** Whether `stop` was called before. */
  readonly expected: boolean;
  /** Null if a signal ended it, or nobody saw it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of its log, if it was not expected. */
  readonly lastLines: readonly string[];
}

interface Kept {
  readonly keeper: Keeper;
  readonly running: RunningProgram;
  /** Where this run begins in the server's log. */
  readonly log: { readonly file: string; readonly offset: number };
  /** What the keeper would have done at the end, for when it was killed and the server may still run. */
  readonly endOrphan: () => Promise<unknown>;
}

/** A server that is ready, and the keeper that ends it when we do; it does not keep our process from ending. */
export class KeptProgram {
  readonly exited: Promise<ServerExit>;
  readonly #kept: Kept;
  #stopping = false;

  constructor(kept: Kept) {
    this.#kept = kept;
    this.exited = kept.running.exited.then((exit) => this.#ended(exit));
    kept.keeper.release();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#kept.keeper.close();
    await this.exited;
  }

  async #ended({ code, signal, keeperLost }: ProgramExit): Promise<ServerExit> {
    const { file, offset } = this.#kept.log;
    const log = this.#stopping ? [] : await lastLines(file, offset).catch(() => []);
    const left = keeperLost ? await this.#endOrphan() : [];
    return { expected: this.#stopping, code, signal, lastLines: [...log, ...left] };
  }

  async #endOrphan(): Promise<string[]> {
    const told = 'the keeper of the server was killed';
    return await this.#kept.endOrphan().then(
      () => [told],
      (error: unknown) => [told, String(error)],
    );
  }
}
