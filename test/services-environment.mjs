/**
 * The whole-system tests once more: each system that they start is a process for each service with RabbitMQ between
 * them, on the other PostgreSQL where there are two. Where there is no broker they are counted as skipped.
 */
import { TestEnvironment } from 'jest-environment-node';

export default class ServicesEnvironment extends TestEnvironment {
  async setup() {
    await super.setup();
    const { env } = this.global.process;
    env.TIDEMARK_TEST_SYSTEM = 'services';
    env.TIDEMARK_TEST_POSTGRES = env.TIDEMARK_TEST_OTHER_POSTGRES ?? env.TIDEMARK_TEST_POSTGRES;
  }

  handleTestEvent({ name }, { rootDescribeBlock }) {
    if (name === 'run_start' && this.global.process.env.TIDEMARK_TEST_RABBITMQ === 'none') skip(rootDescribeBlock);
  }
}

function skip(block) {
  for (const child of block.children) {
    if (child.type === 'describeBlock') skip(child);
    else child.mode = 'skip';
  }
}
