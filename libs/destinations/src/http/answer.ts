import type { Readable } from 'node:stream';

import type { AxiosResponse } from 'axios';

import { abortReason, anySignal, type RateLimit } from '@tidemark/platform';

import { failureOf, statusFailure, type FailedRequest, type Target } from './failures.js';
import type { Waiting } from './waiting.js';

interface Asked {
  readonly target: Target;
  readonly waiting: Waiting;
  readonly rateLimit?: RateLimit | undefined;
  readonly signal: AbortSignal;
  /** The body of the request: an answer can come before it is through. */
  readonly sent: Readable | undefined;
}

/** What may be read of a body that nobody wants, so that its connection can be used again. */
const DISCARDED_BYTES = 72 * 1024 * 1024;

/** An answer. Its body is read once, by {@link chunks} or {@link discard}. */
export class HttpAnswer {
  readonly status: number;
  readonly #body: Readable;

  constructor(
    private readonly answer: AxiosResponse<Readable>,
    private readonly asked: Asked,
  ) {
    this.status = answer.status;
    this.#body = answer.data;
    this.#body.on('error', () => undefined);
  }

  get isSuccess(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  header(name: string): string | undefined {
    const value: unknown = this.answer.headers[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** The length of the body; undefined where the server does not tell it. */
  get length(): number | undefined {
    const text = this.header('content-length') ?? '';
    return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  }

  async *chunks(): AsyncGenerator<Buffer> {
    const { target, waiting, rateLimit, signal } = this.asked;
    const either = anySignal(signal, waiting.signal);
    const stop = (): void => void this.#body.destroy(abortReason(either));
    either.addEventListener('abort', stop);
    try {
      signal.throwIfAborted();
      const chunks = this.#body[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
      for (;;) {
        const next = await waiting.during(chunks.next());
        if (next.done) return;
        await rateLimit?.take(next.value.length, signal);
        yield next.value;
      }
    } catch (error) {
      signal.throwIfAborted();
      throw failureOf(target, error, waiting.complaint);
    } finally {
      either.removeEventListener('abort', stop);
      this.destroy();
    }
  }

  /** Reads the body away, or breaks the connection where that would take long. Throws nothing but the signal's reason. */
  async discard(): Promise<void> {
    let left = DISCARDED_BYTES - (this.length ?? 0);
    try {
      if (left < 0) return;
      for await (const chunk of this.chunks()) {
        left -= this.length === undefined ? chunk.length : 0;
        if (left < 0) return;
      }
    } catch {
      this.asked.signal.throwIfAborted();
    } finally {
      this.destroy();
    }
  }

  /** The failure that this answer is. Its body is not worth reading. */
  failure(): FailedRequest {
    this.destroy();
    return statusFailure(this.asked.target, this.status, (name) => this.header(name));
  }

  destroy(): void {
    const { sent } = this.asked;
    if (sent && !sent.readableEnded) sent.destroy();
    this.#body.destroy();
  }
}
