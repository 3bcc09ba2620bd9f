import { Writable } from 'node:stream';

import type pg from 'pg';

import { freeMemory } from '@tidemark/platform';

/** In front of the rows of a CopyData message: its type, and how long it is without that. */
const HEADER_BYTES = 5;
const LENGTH_BYTES = 4;
const COPY_DATA = Buffer.from('d');
const COPY_DONE = Buffer.from([0x63, 0, 0, 0, LENGTH_BYTES]);
/** With an empty reason: nobody but us reads it. */
const COPY_FAIL = Buffer.from([0x66, 0, 0, 0, LENGTH_BYTES + 1, 0]);
const BLOCK_BYTES = 128 * 1024;

interface CopyInOptions {
  /** Chunks are given away with their memory, as {@link freeMemory} says; it is free once they are copied. */
  readonly freesChunks?: boolean;
}

type Blocks = readonly [filling: Buffer, spare: Buffer];
type Done = (error?: Error | null) => void;

/** What each connection's last copy has left for its next one. */
const kept = new WeakMap<pg.Connection, Blocks>();

/**
 * A `COPY … FROM STDIN` as a query of pg, and the stream that its rows are written to, in chunks of any size. They are
 * copied into two blocks that take turns, one being filled while the other is being sent: a chunk is done with once it
 * is written, and no garbage is left. Finishes when the server has taken all rows and the connection is free again;
 * destroyed before, it has the server forget them.
 */
export class CopyIn extends Writable implements pg.Submittable {
  /** Rows that the server has taken; known when the stream has finished. */
  rowCount = 0;
  readonly #begun = Promise.withResolvers<pg.Connection>();
  #filling: Buffer = Buffer.alloc(0);
  #spare: Buffer = Buffer.alloc(0);
  #filled = HEADER_BYTES;
  #sending: Promise<void> = Promise.resolve();
  /** The server expects nothing more of this query. */
  #ended = false;
  #onEnd: Done = () => undefined;

  constructor(
    private readonly sql: string,
    private readonly options: CopyInOptions = {},
  ) {
    super();
    this.#begun.promise.catch(() => undefined);
  }

  /** Called by pg when the connection is free for this query. */
  submit(connection: pg.Connection): void {
    connection.query(this.sql);
  }

  handleCopyInResponse(connection: pg.Connection): void {
    const blocks = kept.get(connection) ?? [newBlock(), newBlock()];
    kept.delete(connection);
    [this.#filling, this.#spare] = blocks;
    this.#begun.resolve(connection);
  }

  handleCommandComplete({ text }: { text?: string }): void {
    this.rowCount = Number(/^COPY (\d+)/.exec(text ?? '')?.[1] ?? 0);
  }

  handleReadyForQuery(): void {
    this.#ended = true;
    this.#onEnd();
  }

  /** Called by pg with the server's error, or that of a lost connection. */
  handleError(error: Error): void {
    this.#ended = true;
    this.#begun.reject(error);
    if (this.destroyed) this.#onEnd();
    else this.destroy(error);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#take(chunk).then(() => done(), done);
  }

  override _final(done: Done): void {
    this.#onEnd = done;
    this.#finish().catch(done);
  }

  override _destroy(error: Error | null, done: Done): void {
    if (this.#ended) {
      done(error);
      return;
    }
    this.#onEnd = () => done(error);
    this.#begun.promise.then(
      ({ stream }) => stream.write(COPY_FAIL),
      () => undefined,
    );
  }

  async #take(chunk: Buffer): Promise<void> {
    await this.#begun.promise;
    for (let at = 0; at < chunk.length;) {
      const copied = chunk.copy(this.#filling, this.#filled, at);
      at += copied;
      this.#filled += copied;
      if (this.#filled === this.#filling.length) await this.#send();
    }
    if (this.options.freesChunks === true) freeMemory(chunk);
  }

  async #finish(): Promise<void> {
    const connection = await this.#begun.promise;
    if (this.#filled > HEADER_BYTES) await this.#send();
    await this.#sending;
    kept.set(connection, [this.#filling, this.#spare]);
    connection.stream.write(COPY_DONE);
  }

  /** Starts to send what has been filled, once the block before it has gone. */
  async #send(): Promise<void> {
    const { stream } = await this.#begun.promise;
    await this.#sending;
    const block = this.#filling.subarray(0, this.#filled);
    block.writeUInt32BE(block.length - HEADER_BYTES + LENGTH_BYTES, COPY_DATA.length);
    this.#sending = new Promise((resolve, reject) => {
      stream.write(block, (error) => (error ? reject(error) : resolve()));
    });
    this.#sending.catch(() => undefined);
    [this.#filling, this.#spare] = [this.#spare, this.#filling];
    this.#filled = HEADER_BYTES;
  }
}

function newBlock(): Buffer {
  const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  COPY_DATA.copy(block);
  return block;
}
