import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { newGrantKeys } from '@tidemark/contracts';
import { environment } from '@tidemark/platform';

const MAIN = fileURLToPath(new URL('../../index-service/dist/main.js', import.meta.url));

/** Those of every gateway and index-service of a test file. */
export const GRANT_KEYS = newGrantKeys();

/** A real index-service as a process of its own, as it was built last. */
export class IndexProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  /** Port 0 takes any free one. */
  static async start(databaseUrl: string, port = 0): Promise<IndexProcess> {
    const child = spawn(process.execPath, [MAIN], {
      env: {
        ...environment(),
        DATABASE_URL: databaseUrl,
        PORT: String(port),
        TIDEMARK_GRANT_KEY: GRANT_KEYS.publicKey,
        TIDEMARK_LOG_LEVEL: 'info',
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const said: string[] = [];
    for await (const line of createInterface(child.stderr)) {
      said.push(line);
      const url = /"url":"([^"]+)".*is listening/.exec(line)?.[1];
      if (url === undefined) continue;
      child.stderr.resume();
      return new IndexProcess(child, url);
    }
    throw new Error(`the index-service did not start (built?): ${said.join('\n')}`);
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.kill(signal);
    await exited;
  }
}
