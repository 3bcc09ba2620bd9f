import { createHash } from 'node:crypto';

import type { PartFacts } from '@tidemark/contracts';

import { ArchiveDamagedError } from '../errors.js';
import { CheckingTransform } from '../streams/checking-transform.js';
import { FrameError, ZstdFrame } from './zstd-frame.js';

/** Lets a part's compressed bytes through while they can be the expected ones; the whole verdict comes before the end. */
export class CheckedFrame extends CheckingTransform {
  readonly #sha256 = createHash('sha256');
  readonly #frame = new ZstdFrame();
  #bytes = 0;

  constructor(
    private readonly entry: string,
    private readonly expected: PartFacts,
  ) {
    super();
  }

  protected override onChunk(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.expected.bytes) throw this.#damaged(`it has more than its ${this.expected.bytes} bytes`);
    this.#walk((frame) => frame.push(chunk));
    this.#sha256.update(chunk);
    this.push(chunk);
  }

  protected override onEnd(): void {
    if (this.#bytes < this.expected.bytes) {
      throw this.#damaged(`it has ${this.#bytes} of its ${this.expected.bytes} bytes`);
    }
    this.#walk((frame) => frame.end());
    if (this.#sha256.digest('hex') !== this.expected.sha256) throw this.#damaged('its SHA-256 is another one');
  }

  #walk(step: (frame: ZstdFrame) => void): void {
    try {
      step(this.#frame);
    } catch (error) {
      throw error instanceof FrameError ? this.#damaged(error.message) : error;
    }
  }

  #damaged(what: string): ArchiveDamagedError {
    return new ArchiveDamagedError(this.entry, what);
  }
}
