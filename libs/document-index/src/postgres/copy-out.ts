import type { Socket } from 'node:net';

import type pg from 'pg';

import { CopyFrames } from './copy-frames.js';
import type { LendingSocket } from './lending-socket.js';
import { coded } from './transaction.js';

type Taken = IteratorResult<Buffer, undefined>;
type DataListener = (bytes: Buffer) => void;

/**
 * A `COPY … TO STDOUT` as a query of pg: its rows in chunks of any size, not row-aligned. A chunk may lie in the memory
 * of the connection: it is valid until the next one is asked for. Until then nothing more is read. Throws
 * DATABASE_UNAVAILABLE where the connection is lost, INDEX_UNAVAILABLE where the server cancels it.
 */
export class CopyOut implements AsyncIterableIterator<Buffer, undefined>, pg.Submittable {
  /** Whether the COPY came to its end: otherwise there are still rows on the connection. */
  ended = false;
  readonly #frames = new CopyFrames();
  #socket: LendingSocket | undefined;
  #giveBack: (rest: Buffer) => void = () => undefined;
  #chunk: Buffer | undefined;
  #failure: { readonly error: unknown } | undefined;
  #left = false;
  #waiting: PromiseWithResolvers<Taken> | undefined;

  constructor(private readonly sql: string) {}

  /** Called by pg when the connection is free for this query. */
  submit(connection: pg.Connection): void {
    const socket = connection.stream as Socket;
    this.#socket = socket;
    this.#giveBack = takeOver(socket, (bytes) => this.#take(bytes));
    if (!this.#waiting) socket.pause();
    connection.query(this.sql);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<Taken> {
    if (this.#failure) throw this.#failure.error;
    if (this.#chunk) return this.#handOut(this.#chunk);
    if (this.ended || this.#left) return { done: true, value: undefined };
    this.#waiting = Promise.withResolvers<Taken>();
    this.#socket?.resume();
    return await this.#waiting.promise;
  }

  /** Leaves the rest of the rows on the connection, which can only be closed then. */
  return(): Promise<Taken> {
    this.#left = true;
    const done = { done: true, value: undefined } as const;
    this.#settle((waiting) => waiting.resolve(done));
    return Promise.resolve(done);
  }

  /** Called by pg with the server's error, or that of a lost connection. Who reads gets the coded one. */
  handleError(raw: Error): void {
    const error = coded(raw);
    this.#failure = { error };
    this.#settle((waiting) => waiting.reject(error));
  }

  handleCommandComplete(): void {
    this.ended = true;
  }

  handleReadyForQuery(): void {
    this.#settle((waiting) => waiting.resolve({ done: true, value: undefined }));
  }

  #take(bytes: Buffer): void {
    const { rows, rest } = this.#frames.strip(bytes);
    if (rows.length > 0) {
      if (!rest) this.#socket?.pause();
      this.#chunk = rest ? Buffer.from(rows) : rows;
      this.#settle((waiting) => waiting.resolve(this.#handOut(this.#chunk)));
    }
    if (rest) this.#giveBack(Buffer.from(rest));
  }

  #handOut(chunk: Buffer | undefined): Taken {
    this.#chunk = undefined;
    return chunk ? { done: false, value: chunk } : { done: true, value: undefined };
  }

  #settle(how: (waiting: PromiseWithResolvers<Taken>) => void): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) how(waiting);
  }
}

/** Puts `take` in the place of pg's own listener; the result gives it back, with what it should have heard. */
function takeOver(socket: LendingSocket, take: DataListener): (rest: Buffer) => void {
  const [listener] = socket.listeners('data') as DataListener[];
  if (!listener) throw new Error('a connection that nobody listens to');
  socket.off('data', listener);
  // Only a lending socket heeds it; another one tells its listeners.
  socket.borrower = take;
  socket.on('data', take);
  return (rest) => {
    socket.borrower = undefined;
    socket.off('data', take);
    socket.on('data', listener);
    listener(rest);
    socket.resume();
  };
}
