import { environment } from '@tidemark/platform';

/** URL of the broker that the global setup found or started. */
export function testBrokerUrl(): string {
  const url = environment().TIDEMARK_TEST_RABBITMQ;
  if (!url) throw new Error('TIDEMARK_TEST_RABBITMQ is not set: run the tests with npm test');
  if (url === 'none') throw new Error('there is no RabbitMQ for tests: ask brokerIsThere first, and skip');
  return url;
}

/** False where the global setup could neither find nor start one; it has said why. */
export function brokerIsThere(): boolean {
  return environment().TIDEMARK_TEST_RABBITMQ !== 'none';
}
