import { MAX_LINK_BYTES, MAX_MANAGEMENT_BODY_BYTES } from '@tidemark/contracts';

/** What a caller may send, and how slowly. */
export interface HttpLimits {
  /** Request line and headers together. */
  readonly headerBytes: number;
  readonly urlBytes: number;
  /** A body that is received whole, where the route has no `@BodyLimit` of its own. */
  readonly bodyBytes: number;
  /** From the opening of a connection, or the first byte of a further request, to the last of its headers. */
  readonly headersMillis: number;
  /** For a body that is received whole. */
  readonly bodyMillis: number;
  /** Between two chunks of a streamed body that somebody waits for. */
  readonly stallMillis: number;
  readonly keepAliveMillis: number;
  /** How long the rest of a body that nobody wants is read and thrown away, so that the sender can see the answer. */
  readonly lingerMillis: number;
  /** How long requests under way may go on after the server was told to close. */
  readonly drainMillis: number;
}

export const HTTP_LIMITS: HttpLimits = {
  headerBytes: 16 * 1024,
  urlBytes: 8 * 1024,
  bodyBytes: MAX_MANAGEMENT_BODY_BYTES,
  headersMillis: 10_000,
  bodyMillis: 30_000,
  stallMillis: 30_000,
  keepAliveMillis: 65_000,
  lingerMillis: 2_000,
  drainMillis: 10_000,
};

/** A route parameter is at most a whole link with every character percent-encoded. */
export const MAX_PARAMETER_CHARACTERS = 3 * MAX_LINK_BYTES;
