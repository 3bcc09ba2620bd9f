import { describeIssues } from './body-schema.js';
import type { StoredMessage } from './broker-connection.js';
import type { MessageOf } from './messaging.js';
import { NotPublishedError } from './not-published-error.js';
import { MAX_MESSAGE_BYTES, ROUTES, type BodyOf, type Route, type RouteName } from './topology.js';

/** What a message turned out to be: one for the handler, or the reason why it is none. */
export type Decoded<R extends RouteName> = { readonly message: MessageOf<R> } | { readonly refused: string };

/** Checks a body against its route, leaves out what its schema does not know, and writes it down. */
export function encode<R extends RouteName>(name: R, body: BodyOf<R>): { key: string; bytes: Buffer } {
  const route: Route<unknown> = ROUTES[name] as Route<unknown>;
  const checked = route.body.safeParse(body);
  if (!checked.success) {
    throw new NotPublishedError('INVALID', name, new TypeError(describeIssues(checked.error.issues)));
  }
  const bytes = Buffer.from(route.format === 'text' ? String(checked.data) : JSON.stringify(checked.data));
  if (bytes.length > MAX_MESSAGE_BYTES) {
    throw new NotPublishedError('INVALID', name, new TypeError(`it has ${bytes.length} bytes`));
  }
  return { key: typeof route.key === 'string' ? route.key : route.key(checked.data), bytes };
}

/** Reads a message that came by one of `routes`; where there is only one, its key does not matter. */
export function decode<R extends RouteName>(routes: readonly R[], { key, body }: StoredMessage): Decoded<R> {
  const name = routes.length === 1 ? routes[0] : routes.find((candidate) => ROUTES[candidate].key === key);
  if (name === undefined) return { refused: `no message with the key ${JSON.stringify(key)} is known here` };
  if (body.length > MAX_MESSAGE_BYTES) return { refused: `it has ${body.length} bytes, over ${MAX_MESSAGE_BYTES}` };
  const value = parse(ROUTES[name].format, body);
  if ('refused' in value) return value;
  const checked = ROUTES[name].body.safeParse(value.parsed);
  if (!checked.success) return { refused: `not of its schema: ${describeIssues(checked.error.issues)}` };
  return { message: { route: name, body: checked.data } as MessageOf<R> };
}

function parse(format: Route<unknown>['format'], bytes: Buffer): { parsed: unknown } | { refused: string } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return { parsed: format === 'text' ? text : JSON.parse(text) };
  } catch (error) {
    return { refused: error instanceof SyntaxError ? 'not JSON' : 'not UTF-8' };
  }
}
