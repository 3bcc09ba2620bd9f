import { Agent, request, type ClientRequest, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

import type { FastifyReply } from 'fastify';

import { GRANT_HEADER } from '@tidemark/contracts';
import { callerGone, REQUEST_ID_HEADER } from '@tidemark/nest';

import type { Grants } from '../index-service/grants.js';
import { IndexUnavailableError } from '../index-service/index-errors.js';
import { answerHeaders, requestHeaders } from './proxied-headers.js';

export interface ForwardedCall {
  /** Path and query at the index-service, as they go over the wire. */
  readonly target: string;
  /** Whole, or to be read while it is sent on. */
  readonly body: Buffer | Readable | undefined;
}

/** For a connection to open, and for how long an idle one is kept: shorter than the index-service keeps it. */
const CONNECT_MILLIS = 5_000;
/** Nothing sent and nothing received. */
const SILENCE_MILLIS = 60_000;
const MAX_CONNECTIONS = 256;

/**
 * Hands requests on to the index-service and its answers back, both as streams. On `node:http` and not on
 * `@fastify/reply-from`: that one parses the path with `URL`, which turns some paths into others and refuses links such
 * as `/a/..b`, and it writes a raw JSON body as if it were an object.
 */
export class IndexProxy {
  readonly #agent = new Agent({ keepAlive: true, timeout: CONNECT_MILLIS, maxSockets: MAX_CONNECTIONS });

  /** `url` has no path. */
  constructor(
    private readonly url: string,
    private readonly grants: Grants,
  ) {}

  close(): void {
    this.#agent.destroy();
  }

  /** Throws INDEX_UNAVAILABLE. A caller that goes away ends the call. */
  async forward(reply: FastifyReply, call: ForwardedCall): Promise<void> {
    const answer = await this.#ask(reply, call, callerGone(reply));
    const { statusCode = 502, headers } = answer;
    const body = Readable.from(bytesOf(answer), { objectMode: false });
    await reply.code(statusCode).headers(answerHeaders(headers)).send(body);
  }

  /** A connection that was kept may have been closed by the other side just now: what only reads is asked once more. */
  async #ask(reply: FastifyReply, call: ForwardedCall, signal: AbortSignal): Promise<IncomingMessage> {
    const pooled = this.#send(reply, call, { signal, agent: this.#agent });
    try {
      return await answerTo(pooled);
    } catch (error) {
      if (!wasStale(pooled, error) || !/^(GET|HEAD)$/.test(pooled.method)) throw error;
      return await answerTo(this.#send(reply, call, { signal, agent: false }));
    }
  }

  #send(
    { request: { id, method, headers } }: FastifyReply,
    { target, body }: ForwardedCall,
    connection: { signal: AbortSignal; agent: Agent | false },
  ): ClientRequest {
    const sent = request(this.url, {
      ...connection,
      method,
      path: target,
      headers: { ...requestHeaders(headers), [REQUEST_ID_HEADER]: id, [GRANT_HEADER]: this.grants.own() },
    });
    sent.setTimeout(SILENCE_MILLIS, () => sent.destroy(new Error('the index-service is silent')));
    if (body instanceof Readable) pour(body, sent);
    else sent.end(body);
    return sent;
  }
}

/**
 * Until the answer begins: one that comes early makes the rest of the body useless, and the connection too. How long
 * the caller may take is the index-service's to say, which answers then.
 */
function pour(body: Readable, sent: ClientRequest): void {
  body.pipe(sent);
  sent.once('response', (answer: IncomingMessage) => {
    if (sent.writableEnded) return;
    body.unpipe(sent).resume();
    answer.once('end', () => sent.destroy());
  });
}

function answerTo(sent: ClientRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  sent.once('response', resolve);
  sent.on('error', (error) => reject(new IndexUnavailableError(error)));
  return promise;
}

function wasStale({ reusedSocket }: ClientRequest, error: unknown): boolean {
  const cause = error instanceof IndexUnavailableError ? error.cause : undefined;
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  return reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE');
}

async function* bytesOf(answer: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    yield* answer as AsyncIterable<Buffer>;
  } catch (error) {
    throw new IndexUnavailableError(error);
  }
}
