import { watch, type FSWatcher } from 'node:fs';

import { sleep } from '@tidemark/platform';

import { lastLines } from './explain.js';

/** Some file systems tell of no change, and some machines have no watcher left. */
const LOOK_AT_LEAST_EVERY_MILLIS = 500;

interface Listening {
  readonly log: { readonly file: string; readonly offset: number };
  /** Resolves when the server has ended. */
  readonly ended: Promise<unknown>;
  readonly signal: AbortSignal | undefined;
}

/** Waits until a server writes a line with `words` into its log after `offset`; false if it ends before. */
export async function hasSaid(words: string, { log, ended, signal }: Listening): Promise<boolean> {
  let change = Promise.withResolvers<undefined>();
  const over = new AbortController();
  const watcher = watchIfPossible(log.file, () => change.resolve(undefined));
  void ended.then(() => {
    over.abort();
    change.resolve(undefined);
  });
  try {
    for (;;) {
      const wasOver = over.signal.aborted;
      if ((await lastLines(log.file, log.offset)).some((line) => line.includes(words))) return true;
      if (wasOver) return false;
      await Promise.race([change.promise, sleep(LOOK_AT_LEAST_EVERY_MILLIS, signal)]);
      change = Promise.withResolvers();
    }
  } finally {
    watcher?.close();
  }
}

function watchIfPossible(file: string, onChange: () => void): FSWatcher | undefined {
  try {
    return watch(file, onChange).on('error', () => undefined);
  } catch {
    return undefined;
  }
}
