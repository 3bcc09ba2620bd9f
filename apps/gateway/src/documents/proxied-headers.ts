import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';

/** What of a caller's headers means something to the index-service; nothing else goes further than the gateway. */
const PASSED_ON = ['accept', 'content-encoding', 'content-type', 'if-match', 'if-none-match'] as const;

/** About one connection and not about the answer, so each connection has its own. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'date',
]);

export function requestHeaders(given: IncomingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(PASSED_ON.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])));
}

export function answerHeaders(given: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = new Set(given.connection?.split(',').map((name) => name.trim().toLowerCase()));
  return Object.fromEntries(Object.entries(given).filter(([name]) => !HOP_BY_HOP.has(name) && !named.has(name)));
}
