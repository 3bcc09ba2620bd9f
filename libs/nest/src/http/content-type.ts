import type { FastifyRequest } from 'fastify';

import { ContentTypeError } from '@tidemark/contracts';

export const JSON_TYPE = 'application/json';
export const NDJSON_TYPE = 'application/x-ndjson';
export const BYTES_TYPE = 'application/octet-stream';

/** Bodies of these types are handed to the controller as a stream, all others as a Buffer. */
export const STREAMED_TYPES = [NDJSON_TYPE, BYTES_TYPE] as const;

/** Throws `ContentTypeError` unless the body says it is of the wanted type, in UTF-8 and not compressed. */
export function requireContentType({ headers }: Pick<FastifyRequest, 'headers'>, wanted: string): void {
  const given = headers['content-type'];
  const [type, ...parameters] = (given ?? '').split(';').map((part) => part.trim().toLowerCase());
  const isUtf8 = parameters.every((parameter) => !parameter.startsWith('charset=') || UTF8.test(parameter));
  if (type !== wanted || !isUtf8) throw new ContentTypeError(given?.slice(0, 100), wanted);
  requireNoEncoding({ headers }, wanted);
}

/** Throws `ContentTypeError` where the body, whatever its type, is compressed. */
export function requireNoEncoding({ headers }: Pick<FastifyRequest, 'headers'>, what: string): void {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new ContentTypeError(`${what} with Content-Encoding ${encoding.slice(0, 100)}`, `${what} as it is`);
  }
}

const UTF8 = /^charset="?utf-?8"?$/;
