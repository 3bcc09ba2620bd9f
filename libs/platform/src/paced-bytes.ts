import { Transform, type TransformCallback } from 'node:stream';

import type { RateLimit } from './rate-limit.js';

/** Hands bytes on as a limit lets them pass; what comes in waits meanwhile. One that is destroyed waits for nothing. */
export class PacedBytes extends Transform {
  readonly #stop = new AbortController();

  constructor(private readonly limit: RateLimit) {
    super();
  }

  override _transform(chunk: Buffer, _encoding: unknown, done: TransformCallback): void {
    this.limit.take(chunk.byteLength, this.#stop.signal).then(() => done(null, chunk), done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#stop.abort();
    done(error);
  }
}
