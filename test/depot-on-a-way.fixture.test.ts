import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { unusedPort } from '@tidemark/platform';
import { TestProcess, type WayTo } from '@tidemark/testing';

/** A depot that keeps its port, and is reached by a way that can be cut. */
export class DepotOnAWay {
  private constructor(
    readonly process: TestProcess,
    readonly folder: string,
    readonly url: string,
  ) {}

  static async start(wayTo: WayTo): Promise<DepotOnAWay> {
    const folder = await mkdtemp(join(tmpdir(), 'tidemark-depot-'));
    const settings = { PORT: String(await unusedPort()), TIDEMARK_DEPOT_FOLDER: folder };
    const depot = await new TestProcess({ app: 'archive-depot', settings }).start();
    return new DepotOnAWay(depot, folder, await wayTo(depot.url));
  }

  async remove(): Promise<void> {
    await this.process.stop();
    await rm(this.folder, { recursive: true });
  }
}
