import { createHash } from 'node:crypto';

import { CheckingTransform } from './checking-transform.js';

/** Counts and hashes what passes; both are known before the end is seen. */
export class HashedBytes extends CheckingTransform {
  bytes = 0;
  /** Lower case hex; empty until the end. */
  sha256 = '';
  readonly #hash = createHash('sha256');

  constructor(private readonly atEnd: () => void = () => undefined) {
    super();
  }

  protected override onChunk(chunk: Buffer): void {
    this.#hash.update(chunk);
    this.bytes += chunk.length;
    this.push(chunk);
  }

  protected override onEnd(): void {
    this.sha256 = this.#hash.digest('hex');
    this.atEnd();
  }
}
