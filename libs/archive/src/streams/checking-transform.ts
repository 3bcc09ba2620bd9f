import { Transform } from 'node:stream';

import { asError } from './as-error.js';

/** A transform whose two steps may throw: what is thrown becomes the stream's error, before its end is seen. */
export abstract class CheckingTransform extends Transform {
  /** Looks at a chunk and pushes what may go on. */
  protected abstract onChunk(chunk: Buffer): void;
  /** After the last chunk; throws when something is missing. */
  protected abstract onEnd(): void;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    settle(() => this.onChunk(chunk), done);
  }

  override _flush(done: (error?: Error) => void): void {
    settle(() => this.onEnd(), done);
  }
}

function settle(step: () => void, done: (error?: Error) => void): void {
  try {
    step();
  } catch (error) {
    done(asError(error));
    return;
  }
  done();
}
