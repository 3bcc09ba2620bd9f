import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { PackedPart } from '@tidemark/archive';
import { TidemarkError } from '@tidemark/contracts';
import { PacedBytes, type RateLimit } from '@tidemark/platform';

import type { PartAnswer } from '../clients/snapshot-client.js';
import { KeptBytes, type KeepOptions } from './kept-bytes.js';

/** A part broke off on its way, or is not what was sent: asking for it again may help. */
export class PartBrokenError extends TidemarkError {
  readonly code = 'INDEX_UNAVAILABLE';
  constructor(what: string, cause?: unknown) {
    super(`a part did not arrive whole: ${what}`, cause === undefined ? {} : { cause });
  }
}

/** A part that is wholly here and checked. */
export interface ReceivedPart extends PackedPart {
  /** Where its range goes on; undefined at the end. */
  readonly next: string | undefined;
  /** Lets go of the part once it is in the archive; its memory is another one's then. */
  release(): Promise<void>;
}

export interface ReceiveOptions extends KeepOptions {
  readonly rateLimit?: RateLimit | undefined;
}

/** Receives a part to its end and compares it with what its sender says of it. */
export async function receivePart(answer: PartAnswer, options: ReceiveOptions): Promise<ReceivedPart> {
  const kept = new KeptBytes(options);
  try {
    await takeAll(answer, kept, options.rateLimit);
    const end = answer.end();
    if (!end) throw new PartBrokenError('it has no end');
    const { facts, next } = end;
    if (facts.bytes !== kept.bytes || facts.sha256 !== kept.sha256()) {
      throw new PartBrokenError('its bytes are not those that were sent');
    }
    return { facts, next, content: await kept.content(), release: () => kept.remove() };
  } catch (error) {
    await kept.remove();
    throw error;
  }
}

/** By events, chunk for chunk: iterated over, a stream joins what it has buffered to new buffers. */
async function takeAll({ bytes }: PartAnswer, kept: KeptBytes, rateLimit?: RateLimit): Promise<void> {
  const write = (chunk: Buffer, _encoding: unknown, done: (error?: Error) => void): void => {
    kept.add(chunk).then(() => done(), done);
  };
  try {
    const paced = rateLimit ? [new PacedBytes(rateLimit)] : [];
    await pipeline([bytes, ...paced, new Writable({ write })]);
  } catch (error) {
    throw error instanceof TidemarkError ? error : new PartBrokenError('its connection broke', error);
  }
}
