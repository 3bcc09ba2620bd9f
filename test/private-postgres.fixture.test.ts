import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startPostgres, type LocalPostgres } from '@tidemark/local-services';
import { silentLogger as log } from '@tidemark/platform';

/** A PostgreSQL of one test file's own, that can be started again where it was, with its databases and its port. */
export class PrivatePostgres {
  private constructor(
    private readonly folder: string,
    private running: LocalPostgres,
  ) {}

  static async start(): Promise<PrivatePostgres> {
    const folder = await mkdtemp(join(tmpdir(), 'tidemark-test-postgres-'));
    await chmod(folder, 0o755);
    return new PrivatePostgres(folder, await startPostgres({ folder: join(folder, 'cluster'), log }));
  }

  get url(): string {
    return this.running.url;
  }

  async restart(): Promise<void> {
    const { port } = this.running;
    await this.running.stop();
    this.running = await startPostgres({ folder: join(this.folder, 'cluster'), log, port });
  }

  async remove(): Promise<void> {
    await this.running.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
