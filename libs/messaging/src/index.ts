export * from './broker-connection.js';
export * from './broker-messaging.js';
export type { DeadLetter } from './dead-letter.js';
export * from './in-process/in-process-broker.js';
export * from './messaging.js';
export * from './not-published-error.js';
export * from './topology.js';
export * from './rabbitmq/rabbitmq-connection.js';
export { BrokerNames } from './rabbitmq/names.js';
