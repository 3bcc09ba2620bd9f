import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startRabbitMq, type LocalRabbitMq, type RabbitMqOptions } from '@tidemark/local-services';
import { silentLogger as log } from '@tidemark/platform';

/** A broker of one test file's own, that can be stopped and started again where it was, with its queues and its port. */
export class PrivateBroker {
  private constructor(
    private readonly folder: string,
    private running: LocalRabbitMq,
  ) {}

  static async start(settings: RabbitMqOptions['settings'] = {}): Promise<PrivateBroker> {
    const folder = await mkdtemp(join(tmpdir(), 'tidemark-test-broker-'));
    await chmod(folder, 0o755);
    return new PrivateBroker(folder, await startRabbitMq({ folder, log, settings }));
  }

  get url(): string {
    return this.running.url;
  }

  async stop(): Promise<void> {
    await this.running.stop();
  }

  async startAgain(): Promise<void> {
    this.running = await startRabbitMq({ folder: this.folder, log, port: this.running.port });
  }

  async remove(): Promise<void> {
    await this.running.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
