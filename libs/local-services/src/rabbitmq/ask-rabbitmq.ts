import { connect } from 'amqplib';

import { BrokerRefusedError, BrokerUnreachableError } from '../errors.js';

/** What a broker says of itself when it greets. */
export interface Greeting {
  /** `RabbitMQ`, unless it is another server that speaks AMQP 0-9-1. */
  readonly product: string;
  readonly version: string;
}

const SILENCE_MILLIS = 5_000;

/** Logs in and goes: for looking at a broker before anything else may use it. Throws {@link BrokerRefusedError} or {@link BrokerUnreachableError}. */
export async function askRabbitMq(url: string): Promise<Greeting> {
  try {
    const model = await connect(url, { timeout: SILENCE_MILLIS });
    model.on('error', () => undefined);
    const { product, version } = model.connection.serverProperties;
    await model.close();
    return { product, version };
  } catch (error) {
    throw namedError(new URL(url).host, error as Error);
  }
}

/** A broker that refuses says so by a code of AMQP (403: credentials, 530: virtual host). */
function namedError(host: string, error: Error): Error {
  if (/\b(403|530)\b/.test(error.message)) return new BrokerRefusedError(error.message, { cause: error });
  return new BrokerUnreachableError(host, error.message, { cause: error });
}
