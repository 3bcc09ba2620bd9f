import { doorbellSchema, jobSchema, progressReportSchema, settledReportSchema, type Job } from '@tidemark/contracts';

import { anyText, type BodySchema } from './body-schema.js';

/** The table of API.md, "Over RabbitMQ", as data: every broker is set up from it and from nothing else. */

export const EXCHANGES = {
  'tidemark.requests': 'direct',
  'tidemark.jobs': 'direct',
  'tidemark.reports': 'direct',
  'tidemark.events': 'topic',
  'tidemark.dead': 'fanout',
} as const;
export type ExchangeName = keyof typeof EXCHANGES;

export interface Route<T> {
  readonly exchange: ExchangeName;
  readonly key: string | ((body: T) => string);
  readonly body: BodySchema<T>;
  /** `text` is handed over as it was written, without a look at it. */
  readonly format: 'json' | 'text';
  /** Outlives a restart of the broker. */
  readonly persistent: boolean;
  /** Publishing fails when no queue takes the message. */
  readonly mandatory: boolean;
}

/** Everything that may be published. */
export const ROUTES = {
  /** The body of `PATCH /core/management`; who handles it parses it, and answers on `replyTo` even where it cannot. */
  request: route({ exchange: 'tidemark.requests', key: 'request', body: anyText, format: 'text' }),
  backupDoorbell: route({ exchange: 'tidemark.jobs', key: 'backup', body: doorbellSchema }),
  restoreDoorbell: route({ exchange: 'tidemark.jobs', key: 'restore', body: doorbellSchema }),
  /** Transient: the next one says more, and a lost one costs nothing. */
  progress: route({ exchange: 'tidemark.reports', key: 'progress', body: progressReportSchema, persistent: false }),
  settled: route({ exchange: 'tidemark.reports', key: 'settled', body: settledReportSchema }),
  /** For anyone; that nobody listens is no error. */
  jobEvent: route({ exchange: 'tidemark.events', key: jobEventKey, body: jobSchema, mandatory: false }),
} as const;
export type RouteName = keyof typeof ROUTES;
export type BodyOf<R extends RouteName> = (typeof ROUTES)[R] extends Route<infer T> ? T : never;

/** Work queues and the routes that lead to each. What one of them cannot handle goes to {@link DEAD_LETTERS}. */
export const QUEUES = {
  'tidemark.requests': ['request'],
  'tidemark.jobs.backup': ['backupDoorbell'],
  'tidemark.jobs.restore': ['restoreDoorbell'],
  'tidemark.reports': ['progress', 'settled'],
} as const satisfies Record<string, readonly RouteName[]>;
export type QueueName = keyof typeof QUEUES;

export const EVENTS_EXCHANGE = 'tidemark.events' satisfies ExchangeName;
export const DEAD_LETTERS = { exchange: 'tidemark.dead', queue: 'tidemark.dead' } as const;

/** Every queue whose state can be asked for. */
export const STATED_QUEUES = [...(Object.keys(QUEUES) as QueueName[]), DEAD_LETTERS.queue];
export type StatedQueue = QueueName | typeof DEAD_LETTERS.queue;

/** Times a message may come back to its queue unacknowledged before the broker itself gives it up. */
export const DELIVERY_LIMIT = 20;

/** A larger body is neither published nor handled. */
export const MAX_MESSAGE_BYTES = 1024 * 1024;

/** The work queues that messages to this exchange with this key are for. */
export function queuesOf({ exchange, key }: { readonly exchange: string; readonly key: string }): QueueName[] {
  return (Object.keys(QUEUES) as QueueName[]).filter((queue) =>
    QUEUES[queue].some((route) => ROUTES[route].exchange === exchange && ROUTES[route].key === key),
  );
}

export function isQueueName(name: string): name is QueueName {
  return Object.hasOwn(QUEUES, name);
}

/** Addresses that an answer may go to: the broker's direct reply-to, and queues named for answers. No work queue. */
export function isReplyAddress(name: string): boolean {
  return /^(amq\.rabbitmq\.reply-to|reply)\../.test(name);
}

function route<T>(options: Pick<Route<T>, 'exchange' | 'key' | 'body'> & Partial<Route<T>>): Route<T> {
  return { format: 'json', persistent: true, mandatory: true, ...options };
}

/** `job.backup.succeeded`; `job.restore.undone` for a restore that was undone. */
function jobEventKey(job: Job): string {
  return `job.${job.operation}.${job.undone ? 'undone' : job.state}`.toLowerCase();
}
