import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { environment, SERVICE_NODE_FLAGS } from '@tidemark/platform';

/** A standalone in a process of its own. */
export interface StandaloneChild {
  readonly url: string;
  /** Resolves when it has ended; stopping it again is fine. */
  stop(): Promise<void>;
}

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
const READY = /^Tidemark is ready at (\S+)/m;

/** Starts standalone on a free port with a database of its own in `home`, whatever else is set. */
export async function startChild(home: string): Promise<StandaloneChild> {
  const settings = { TIDEMARK_HOME: home, TIDEMARK_FILE_ROOTS: '', PORT: '0', DATABASE_URL: '', AMQP_URL: '' };
  const child = spawn(process.execPath, [...SERVICE_NODE_FLAGS, MAIN], {
    env: { ...environment(), ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  let output = '';
  const ready = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const url = READY.exec(output)?.[1];
      if (url !== undefined) resolve(url);
    });
    exited.then(() => reject(new Error('standalone ended before it was ready')), reject);
  });
  return {
    url: await ready,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
