import { environment } from '@tidemark/platform';

/** RabbitMQ for tests, as the global setup found or started it. */
export function testBrokerUrl(): string {
  return environment().TIDEMARK_TEST_RABBITMQ ?? 'amqp://guest:guest@127.0.0.1:5672';
}
