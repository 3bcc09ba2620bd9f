import type { Messaging } from '@tidemark/messaging';
import { ConfigError } from '@tidemark/platform';

/** Where a gateway in a process of its own will get its messaging from, once there is a broker between processes. */
export function connectToBroker(): Messaging {
  throw new ConfigError(
    'a gateway in a process of its own needs RabbitMQ to reach its workers, which this version does not speak yet; npm start runs everything in one process',
  );
}
