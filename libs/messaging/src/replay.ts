import { TidemarkError } from '@tidemark/contracts';

import type { OutgoingMessage, StoredMessage } from './broker-connection.js';
import { KEPT_HEADER, QUEUE_HEADER, queueOf, type Kept } from './letter-headers.js';
import { isQueueName, QUEUES, ROUTES, type RouteName } from './topology.js';

/** What lies there is another body than the one that was sent, or there is no way back. */
export class NotReplayableError extends TidemarkError {
  readonly code = 'NOT_REPLAYABLE';
  constructor(id: string, obstacle: string) {
    super(`the dead letter ${id} cannot be replayed: ${obstacle}`, { details: { id } });
  }
}

/** The way that a replay of a dead letter takes, or why there is none. */
export interface WayBack {
  readonly route: RouteName | undefined;
  readonly obstacle: string | undefined;
}

const OBSTACLES: ReadonlyMap<string, string> = new Map<Exclude<Kept, 'WHOLE'>, string>([
  ['MASKED', 'its secrets were masked when it died'],
  ['CUT', 'only the beginning of its body was kept'],
  ['NOT_UTF8', 'its body was not UTF-8 and was not kept as it was'],
]);

/** By the topology and not by what the letter says of exchanges: nothing can be sent anywhere else by a header. */
export function wayBack(message: StoredMessage): WayBack {
  const queue = queueOf(message);
  if (!isQueueName(queue)) return { route: undefined, obstacle: `${JSON.stringify(queue)} is no queue of work` };
  const routes: readonly RouteName[] = QUEUES[queue];
  const route = routes.length === 1 ? routes[0] : routes.find((each) => ROUTES[each].key === message.key);
  if (route === undefined) {
    return { route, obstacle: `no message with the key ${JSON.stringify(message.key)} is known on ${queue}` };
  }
  return { route, obstacle: obstacleOf(message) };
}

/** A letter that the broker gave up is as it was sent. */
function obstacleOf({ headers }: StoredMessage): string | undefined {
  const kept = headers[KEPT_HEADER];
  if (kept === 'WHOLE' || headers[QUEUE_HEADER] === undefined) return undefined;
  return OBSTACLES.get(kept ?? '') ?? 'it does not say whether its body is whole';
}

/** The message as it was sent first, to be published again. */
export function toReplay(message: StoredMessage, name: RouteName): OutgoingMessage {
  const { exchange, key, persistent, mandatory } = ROUTES[name];
  return { ...message, exchange, key: typeof key === 'string' ? key : message.key, headers: {}, persistent, mandatory };
}
