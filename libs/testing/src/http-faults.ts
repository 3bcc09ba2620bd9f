import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';

/** The head of an answer, as it is about to be sent. */
export interface AnswerHead {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
}

/** How the bytes of one direction end before their time. */
export interface Cut {
  /** So many get through. */
  readonly bytes: number;
  readonly then: End;
}

/** RESET breaks the connection, CLOSE ends it in order, STALL keeps it and moves nothing any more. END is as if that were all. */
type End = 'RESET' | 'CLOSE' | 'STALL' | 'END';

/** What a proxy does to one request and its answer; what is left out goes through as it is. */
export interface Fault {
  readonly name: string;
  /** Of the request on its way to the origin. One without a body is cut before it is asked. */
  readonly request?: Cut;
  /** The headers that the origin gets. */
  readonly ask?: (headers: IncomingHttpHeaders) => OutgoingHttpHeaders;
  /** Given by the proxy. BEFORE_BODY: with nothing read of the request, and the connection closed; else it is read. */
  readonly instead?: AnswerHead & { readonly body?: string; readonly when?: 'BEFORE_BODY' };
  /** In place of the head that the origin gave when it had done what it was asked for; an end, in place of all of it. */
  readonly head?: (head: AnswerHead) => AnswerHead | End;
  /** Of the answer's body. */
  readonly answer?: Cut;
  /** The answer's body comes in so many pieces, with a pause before each. */
  readonly drip?: { readonly pieces: number; readonly pauseMillis: number };
}

const HTML = '<html><body><h1>Bad gateway</h1></body></html>';

/**
 * What goes wrong between a client and a server of ranges, by name. Numbers are of bytes of a body; those of an answer
 * bear upon GETs.
 */
export const HTTP_FAULTS = {
  resetInRequest: (bytes: number) => ({ name: `reset at byte ${bytes} of the request`, request: cut(bytes, 'RESET') }),
  stallInRequest: (bytes: number) => ({ name: `stall at byte ${bytes} of the request`, request: cut(bytes, 'STALL') }),
  resetInAnswer: (bytes: number) => ({ name: `reset at byte ${bytes} of the answer`, answer: cut(bytes, 'RESET') }),
  stallInAnswer: (bytes: number) => ({ name: `stall at byte ${bytes} of the answer`, answer: cut(bytes, 'STALL') }),
  truncated: (bytes: number) => ({ name: `closed at byte ${bytes} of the answer`, answer: cut(bytes, 'CLOSE') }),
  /** It looks complete. */
  shortened: (bytes: number) => ({
    name: `Content-Length of ${bytes}, and as many bytes`,
    head: ({ status, headers }: AnswerHead) => ({ status, headers: { ...headers, 'content-length': bytes } }),
    answer: cut(bytes, 'END'),
  }),
  drip: (pieces: number, pauseMillis: number) => ({
    name: `answer in ${pieces} pieces`,
    drip: { pieces, pauseMillis },
  }),
  wholeForRange: () => ({
    name: '200 and the whole in place of 206',
    ask: (headers: IncomingHttpHeaders) => ({ ...headers, range: undefined }),
  }),
  shiftedRange: (by: number) =>
    withRange(`Content-Range shifted by ${by}`, ({ start, end, total }) => {
      return `bytes ${start + by}-${end + by}/${total}`;
    }),
  otherTotal: (by: number) =>
    withRange(`Content-Range with a total ${by} off`, ({ start, end, total }) => {
      return `bytes ${start}-${end}/${total + by}`;
    }),
  noRange: () => withRange('206 without Content-Range', () => undefined),
  status: (status: number, headers: OutgoingHttpHeaders = {}) => ({
    name: `${status} ${JSON.stringify(headers)}`.replace(' {}', ''),
    instead: { status, headers },
  }),
  statusBeforeBody: (status: number) => ({
    name: `${status} before the request is read`,
    instead: { status, headers: {}, when: 'BEFORE_BODY' },
  }),
  lostAnswer: (status: number) => ({
    name: `${status} in place of the answer`,
    head: () => ({ status, headers: { 'content-length': 0 } }),
    answer: cut(0, 'END'),
  }),
  resetForAnswer: () => ({ name: 'reset in place of the answer', head: () => 'RESET' as const }),
  stallForAnswer: () => ({ name: 'stall in place of the answer', head: () => 'STALL' as const }),
  html: (status: number) => ({
    name: `${status} in HTML`,
    instead: { status, headers: { 'content-type': 'text/html' }, body: HTML },
  }),
  redirect: (status: number, location: string) => ({
    name: `${status} to elsewhere`,
    instead: { status, headers: { location } },
  }),
} as const satisfies Record<string, (...given: never[]) => Fault>;

function cut(bytes: number, then: End): Cut {
  return { bytes, then };
}

interface ToldRange {
  readonly start: number;
  readonly end: number;
  readonly total: number;
}

/** An answer without a range is left as it is. */
function withRange(name: string, change: (range: ToldRange) => string | undefined): Fault {
  return {
    name,
    head: (head) => {
      const { 'content-range': told, ...others } = head.headers;
      const [, start, end, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(String(told)) ?? [];
      if (start === undefined) return head;
      const changed = change({ start: Number(start), end: Number(end), total: Number(total) });
      return { ...head, headers: { ...others, ...(changed === undefined ? {} : { 'content-range': changed }) } };
    },
  };
}
