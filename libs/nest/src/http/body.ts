import { Readable } from 'node:stream';

import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';

import { BodyUnparseableError, ContentTypeError, TooLargeError } from '@tidemark/contracts';

import { JSON_TYPE, requireContentType, requireNoEncoding, type STREAMED_TYPES } from './content-type.js';
import { RequestMalformedError, RequestTimeoutError } from './http-errors.js';
import { serverStateOf } from './server-state.js';

const NOTHING = Buffer.alloc(0);

/**
 * The bytes of a body that says it is `application/json`, not looked at. A request without a body gives none, whatever
 * type it says. Throws `ContentTypeError`.
 */
export function jsonBytes(request: FastifyRequest): Buffer {
  const { body } = request;
  if (body === undefined || (Buffer.isBuffer(body) && body.length === 0)) return NOTHING;
  requireContentType(request, JSON_TYPE);
  if (!Buffer.isBuffer(body)) throw new ContentTypeError(request.headers['content-type'], JSON_TYPE);
  return body;
}

/** As {@link jsonBytes}, as text that is not parsed. Throws `ContentTypeError`, `BodyUnparseableError`. */
export function jsonBody(request: FastifyRequest): string {
  const bytes = jsonBytes(request);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new BodyUnparseableError('it is not UTF-8');
  }
}

/** The body of a call by its schema; not for documents, whose numbers must keep every digit. Throws as {@link jsonBody}. */
export function parsedBody<S extends z.ZodType>(request: FastifyRequest, schema: S): z.infer<S> {
  const result = schema.safeParse(parsedJson(jsonBody(request)));
  if (!result.success) throw new BodyUnparseableError(result.error.message);
  return result.data;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BodyUnparseableError(error instanceof Error ? error.message : String(error));
  }
}

export interface StreamedBodyOptions {
  /** Any, where none is named. */
  readonly type?: (typeof STREAMED_TYPES)[number];
  /** Of the whole body; without it, only the reader bounds it. */
  readonly limitBytes?: number;
}

/**
 * A streamed body, read as fast as the reader takes it. The stream fails with `RequestTimeoutError` when the sender
 * stalls, `RequestMalformedError` when it goes away early, `TooLargeError` over the limit. Throws `ContentTypeError`.
 */
export function streamedBody(
  request: FastifyRequest,
  { type, limitBytes = Infinity }: StreamedBodyOptions = {},
): Readable {
  if (type === undefined) requireNoEncoding(request, 'the body');
  else requireContentType(request, type);
  const { stallMillis } = serverStateOf(request).limits;
  return Readable.from(chunksOf(request.raw, { stallMillis, limitBytes }), { objectMode: false });
}

async function* chunksOf(
  source: Readable,
  { stallMillis, limitBytes }: { stallMillis: number; limitBytes: number },
): AsyncGenerator<Buffer> {
  let bytes = 0;
  const chunks = source.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  try {
    for (;;) {
      const next = await withinStall(chunks.next(), stallMillis);
      if (next.done) return;
      bytes += next.value.length;
      if (bytes > limitBytes) throw new TooLargeError('the body', limitBytes);
      yield next.value;
    }
  } finally {
    // What the reader leaves is thrown away, so that the sender comes to the answer.
    chunks.return?.().then(
      () => source.resume(),
      () => undefined,
    );
  }
}

async function withinStall<T>(arriving: Promise<T>, stallMillis: number): Promise<T> {
  const { promise: stalled, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new RequestTimeoutError('more of the body', stallMillis)), stallMillis).unref();
  const arrived = arriving.catch((error: unknown) => {
    throw new RequestMalformedError('its body ends early', error);
  });
  try {
    return await Promise.race([arrived, stalled]);
  } finally {
    clearTimeout(timer);
  }
}
