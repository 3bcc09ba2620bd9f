import { CheckingTransform } from './checking-transform.js';

const SMALL_BYTES = 4 * 1024;

/**
 * Joins small chunks, down to the two-byte ones that a zip writer makes. Larger ones pass as they are: copying them
 * would cost more than writing them one by one.
 */
export class CollectedChunks extends CheckingTransform {
  readonly #small: Buffer[] = [];
  #smallBytes = 0;

  protected override onChunk(chunk: Buffer): void {
    if (chunk.length >= SMALL_BYTES) {
      this.#pushSmall();
      this.push(chunk);
      return;
    }
    this.#small.push(chunk);
    this.#smallBytes += chunk.length;
    if (this.#smallBytes >= SMALL_BYTES) this.#pushSmall();
  }

  protected override onEnd(): void {
    this.#pushSmall();
  }

  #pushSmall(): void {
    if (this.#small.length > 0) this.push(Buffer.concat(this.#small.splice(0)));
    this.#smallBytes = 0;
  }
}
