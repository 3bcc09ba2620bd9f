import type { LookupFunction } from 'node:net';
import { Readable } from 'node:stream';

import axios, { type AxiosInstance, type AxiosResponse } from 'axios';

import { anySignal, type RateLimit } from '@tidemark/platform';

import { HttpAnswer } from './answer.js';
import { connections } from './connections.js';
import { failureOf, type Target } from './failures.js';
import type { Patience } from './http-limits.js';
import { Waiting } from './waiting.js';

export interface HttpRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: { readonly bytes: number; stream(signal: AbortSignal): Readable };
}

export interface ServerOfArchive {
  readonly url: URL;
  readonly display: string;
  /** Sent to this URL and nowhere else. */
  readonly bearer?: string | undefined;
  readonly lookup?: LookupFunction;
  readonly checkAddress?: (address: string) => void;
}

/** Requests to the URL of one archive. No redirect is followed, no proxy asked, no encoding asked for or undone. */
export class HttpClient {
  readonly #axios: AxiosInstance;

  constructor(
    private readonly server: ServerOfArchive,
    private readonly patience: Patience,
    private readonly rateLimit?: RateLimit,
  ) {
    this.#axios = axios.create({
      ...connections({
        connectMillis: patience.connectMillis,
        ...(server.lookup ? { lookup: server.lookup } : {}),
        ...(server.checkAddress ? { checkAddress: server.checkAddress } : {}),
      }),
      proxy: false,
      maxRedirects: 0,
      decompress: false,
      maxBodyLength: -1,
      maxContentLength: -1,
      responseType: 'stream',
      validateStatus: () => true,
    });
  }

  get display(): string {
    return this.server.display;
  }

  /** The answer, whatever its status, with its body unread. Throws FailedRequest, or the signal's reason. */
  async send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    signal.throwIfAborted();
    const { rateLimit } = this;
    const target: Target = { display: this.display, doing: request.method === 'GET' ? 'READING' : 'WRITING' };
    const waiting = new Waiting(this.patience);
    const either = anySignal(signal, waiting.signal);
    const body = request.body && new SentBody(request.body.stream(either), { waiting, rateLimit, signal: either });
    try {
      const answer = await waiting.during(this.#request(request, { body: body?.stream, signal: either }));
      return new HttpAnswer(answer, { target, waiting, rateLimit, signal, sent: body?.stream });
    } catch (error) {
      signal.throwIfAborted();
      if (body?.failure !== undefined && waiting.complaint === undefined) throw body.failure;
      throw failureOf(target, error, waiting.complaint);
    }
  }

  #request(
    { method, headers, body }: HttpRequest,
    sent: { body: Readable | undefined; signal: AbortSignal },
  ): Promise<AxiosResponse<Readable>> {
    const { url, bearer } = this.server;
    return this.#axios.request<Readable>({
      method,
      url: url.href,
      signal: sent.signal,
      headers: {
        Accept: '*/*',
        'Accept-Encoding': false,
        'User-Agent': 'tidemark',
        ...(bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` }),
        ...(body ? { 'Content-Type': 'application/octet-stream', 'Content-Length': String(body.bytes) } : {}),
        ...headers,
      },
      ...(sent.body ? { data: sent.body } : {}),
    });
  }
}

/** Small, so that each of many requests side by side moves every few seconds, however low the rate. */
const PACED_BYTES = 16 * 1024;

interface Pace {
  readonly waiting: Waiting;
  readonly rateLimit: RateLimit | undefined;
  readonly signal: AbortSignal;
}

/** The body of a request: tells that it moves, and remembers an error of its own. */
class SentBody {
  readonly stream: Readable;
  failure: Error | undefined;

  constructor(source: Readable, pace: Pace) {
    source.once('error', (error: Error) => {
      this.failure = error;
    });
    this.stream = Readable.from(chunksOf(source, pace), { objectMode: false });
  }
}

async function* chunksOf(source: Readable, { waiting, rateLimit, signal }: Pace): AsyncGenerator<Buffer> {
  for await (const chunk of source as AsyncIterable<Buffer>) {
    waiting.heard();
    if (!rateLimit) yield chunk;
    else {
      for (let at = 0; at < chunk.length; at += PACED_BYTES) {
        const piece = chunk.subarray(at, at + PACED_BYTES);
        await waiting.aside(rateLimit.take(piece.length, signal));
        yield piece;
      }
    }
  }
}
