import type { Range } from '@tidemark/contracts';
import { retry, type RateLimit } from '@tidemark/platform';

import { ServiceUnreachableError } from '../clients/internal-http.js';
import type { SnapshotClient } from '../clients/snapshot-client.js';
import type { Spool } from '../spool.js';
import { MemoryBlocks } from './memory-blocks.js';
import { PartBrokenError, receivePart, type ReceivedPart } from './received-part.js';

export interface FetchOptions {
  readonly spool: Spool;
  /** Parts under way at once. */
  readonly parallelism: number;
  /** Of all parts together. */
  readonly rateLimit?: RateLimit | undefined;
  readonly signal: AbortSignal;
}

/** Of all parts together, under way and in use: how many there are must not show in what a worker resides in. */
const MEMORY_BYTES = 8 * 1024 * 1024;

/** A second, that each part under way comes at the least: the index-service gives up what stands still for minutes. */
const LEAST_BYTES_PER_SECOND = 64 * 1024;

/** A broken part is asked for again: the snapshot still stands. */
const AGAIN = {
  attempts: 3,
  firstDelayMillis: 100,
  maxDelayMillis: 1000,
  retriable: (error: unknown): boolean => error instanceof PartBrokenError || error instanceof ServiceUnreachableError,
};

/**
 * The parts of a snapshot in the order of its ranges, each wholly received; a few are on their way while one is being
 * used. A part is let go of when the next one is asked for, and its memory used again; where none is asked for any
 * more, not before the last fetch has ended: whatever still reads the part reads what it was.
 */
export async function* fetchParts(snapshot: SnapshotClient, options: FetchOptions): AsyncGenerator<ReceivedPart> {
  const stop = new AbortController();
  const parallelism = waysOf(options);
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const fetcher = new PartFetcher(snapshot, { ...options, parallelism, signal });
  const { ranges } = snapshot.snapshot;
  const ahead: Promise<ReceivedPart>[] = [];
  const fetchAhead = (): void => {
    const range = ranges[fetcher.rangesBegun];
    if (range && ahead.length < parallelism) ahead.push(fetcher.begin(range));
  };
  try {
    for (const range of ranges) {
      while (ahead.length < parallelism && fetcher.rangesBegun < ranges.length) fetchAhead();
      let part = await ahead.shift();
      for (; part;) {
        const following = part.next === undefined ? undefined : fetcher.fetch({ ...range, from: part.next });
        if (!following) fetchAhead();
        yield part;
        await part.release();
        part = await following;
      }
    }
  } finally {
    stop.abort(new Error('no more parts are wanted'));
    await fetcher.letGo();
  }
}

function waysOf({ parallelism, rateLimit }: FetchOptions): number {
  if (!rateLimit) return parallelism;
  return Math.max(1, Math.min(parallelism, Math.floor(rateLimit.bytesPerSecond / LEAST_BYTES_PER_SECOND)));
}

/** Fetches single parts and knows which of them are not released yet. */
class PartFetcher {
  rangesBegun = 0;
  #fetched = 0;
  readonly #underWay = new Set<Promise<ReceivedPart>>();
  readonly #memory = new MemoryBlocks(MEMORY_BYTES);

  constructor(
    private readonly snapshot: SnapshotClient,
    private readonly options: FetchOptions,
  ) {}

  begin(range: Range): Promise<ReceivedPart> {
    this.rangesBegun++;
    return this.fetch(range);
  }

  fetch(range: Range): Promise<ReceivedPart> {
    const { spool, parallelism, rateLimit, signal } = this.options;
    const memoryBytes = MEMORY_BYTES / parallelism;
    const kept = { name: `part-${this.#fetched++}`, spool, memory: this.#memory, memoryBytes, rateLimit };
    const received = retry(AGAIN, async () => receivePart(await this.snapshot.part(range, signal), kept), signal);
    const fetching: Promise<ReceivedPart> = received.then((part) => ({
      ...part,
      release: async () => {
        this.#underWay.delete(fetching);
        await part.release();
      },
    }));
    this.#underWay.add(fetching);
    fetching.catch(() => undefined);
    return fetching;
  }

  /** Releases what was fetched and not taken. */
  async letGo(): Promise<void> {
    for (const result of await Promise.allSettled(this.#underWay)) {
      if (result.status === 'fulfilled') await result.value.release();
    }
  }
}
