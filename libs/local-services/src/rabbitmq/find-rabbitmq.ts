import { ConfigError, silentLogger, type Logger } from '@tidemark/platform';

import { BrokerRefusedError, BrokerUnreachableError } from '../errors.js';
import { askRabbitMq } from './ask-rabbitmq.js';
import type { LocalRabbitMq } from './local-rabbitmq.js';
import { temporaryRabbitMq } from './temporary-rabbitmq.js';

/** A broker whose administrator the URL names. */
export interface FoundRabbitMq {
  readonly url: string;
  readonly how: 'given' | 'found' | 'started';
  /** One line for a person: which broker was taken. Without secrets. */
  readonly line: string;
  /** The one that was started here. */
  readonly started: LocalRabbitMq | undefined;
  /** Ends the broker if it was started here. */
  stop(): Promise<void>;
}

interface FindOptions {
  /** A URL, or `private` for a broker of our own; what it is called by people. */
  readonly setting: string | undefined;
  readonly settingName?: string;
  readonly log?: Logger;
  readonly usualUrl?: string;
  /** Starts the broker of our own; a temporary one where nothing is said. */
  readonly start?: () => Promise<LocalRabbitMq>;
}

const USUAL_URL = 'amqp://guest:guest@127.0.0.1:5672';

/**
 * The broker that the setting gives; without one, a local broker that lets `guest` in; else, and for `private`, one of
 * our own. Throws ConfigError for a setting that is neither, and NoRabbitMqError where none can be had.
 */
export async function findRabbitMq(options: FindOptions): Promise<FoundRabbitMq> {
  const { setting, settingName = 'TIDEMARK_TEST_RABBITMQ', log = silentLogger, usualUrl = USUAL_URL } = options;
  if (setting && setting !== 'private') return given(setting, settingName);
  const obstacle = setting === 'private' ? `as ${settingName} asks` : await obstacleAt(usualUrl);
  if (obstacle !== undefined) return ours(obstacle, options.start ?? (() => temporaryRabbitMq({ log })));
  return {
    url: usualUrl,
    how: 'found',
    line: `RabbitMQ: the one at ${new URL(usualUrl).host} (${settingName}=private or a URL for another)`,
    started: undefined,
    stop: () => Promise.resolve(),
  };
}

function given(setting: string, settingName: string): FoundRabbitMq {
  if (!URL.canParse(setting) || !/^amqps?:$/.test(new URL(setting).protocol)) {
    throw new ConfigError(`${settingName}: must be an amqp:// or amqps:// URL or 'private'`);
  }
  const line = `RabbitMQ: ${new URL(setting).host}, as ${settingName} says`;
  return { url: setting, how: 'given', line, started: undefined, stop: () => Promise.resolve() };
}

async function ours(why: string, start: () => Promise<LocalRabbitMq>): Promise<FoundRabbitMq> {
  const started = await start();
  const line = `RabbitMQ: ${started.version}, started for this run (${why})`;
  return { url: started.url, how: 'started', line, started, stop: () => started.stop() };
}

/** Why the broker at `url` cannot be used; undefined if it can. */
async function obstacleAt(url: string): Promise<string | undefined> {
  const { host } = new URL(url);
  try {
    const { product } = await askRabbitMq(url);
    return product === 'RabbitMQ' ? undefined : `the one at ${host} is ${product}`;
  } catch (error) {
    if (error instanceof BrokerUnreachableError) return `nobody answers at ${host}`;
    if (error instanceof BrokerRefusedError) return `the one at ${host} does not let us in`;
    throw error;
  }
}
