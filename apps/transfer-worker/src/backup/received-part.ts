import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { WriteStream } from 'node:fs';
import { Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';

import type { PackedPart } from '@tidemark/archive';
import { TidemarkError } from '@tidemark/contracts';
import { PacedBytes, type RateLimit } from '@tidemark/platform';

import type { PartAnswer } from '../clients/snapshot-client.js';
import { spoolError, type Spool } from '../spool.js';

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
  /** Lets go of the part once it is in the archive. */
  release(): Promise<void>;
}

export interface ReceiveOptions {
  readonly name: string;
  readonly spool: Spool;
  /** What the part may take of memory; a larger one is kept in the spool. */
  readonly memoryBytes: number;
  readonly rateLimit?: RateLimit | undefined;
}

/** Receives a part to its end and compares it with what its sender says of it. */
export async function receivePart(
  answer: PartAnswer,
  { name, spool, memoryBytes, rateLimit }: ReceiveOptions,
): Promise<ReceivedPart> {
  const kept = new KeptBytes(name, spool, memoryBytes);
  try {
    await takeAll(answer, kept, rateLimit);
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

/** Bytes in memory up to a limit, in a file beyond. */
class KeptBytes {
  readonly #hash = createHash('sha256');
  #chunks: Buffer[] = [];
  #file: WriteStream | undefined;
  bytes = 0;

  constructor(
    private readonly name: string,
    private readonly spool: Spool,
    private readonly memoryBytes: number,
  ) {}

  async add(chunk: Buffer): Promise<void> {
    this.bytes += chunk.byteLength;
    this.#hash.update(chunk);
    if (!this.#file && this.bytes > this.memoryBytes) await this.#moveToFile();
    if (this.#file) await write(this.#file, chunk);
    else this.#chunks.push(chunk);
  }

  sha256(): string {
    return this.#hash.digest('hex');
  }

  async content(): Promise<PackedPart['content']> {
    if (!this.#file) return this.#chunks;
    this.#file.end();
    await finished(this.#file).catch(throwSpoolError);
    return { path: String(this.#file.path) };
  }

  async remove(): Promise<void> {
    this.#chunks = [];
    if (!this.#file) return;
    this.#file.destroy();
    await this.spool.remove(String(this.#file.path));
  }

  async #moveToFile(): Promise<void> {
    this.#file = this.spool.create(this.name);
    this.#file.on('error', () => undefined);
    for (const chunk of this.#chunks) await write(this.#file, chunk);
    this.#chunks = [];
  }
}

async function write(file: WriteStream, chunk: Buffer): Promise<void> {
  if (file.errored) throwSpoolError(file.errored);
  if (!file.write(chunk)) await once(file, 'drain').catch(throwSpoolError);
}

function throwSpoolError(error: unknown): never {
  throw spoolError(error);
}
