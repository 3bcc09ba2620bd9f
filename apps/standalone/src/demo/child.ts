import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { environment, SERVICE_NODE_FLAGS } from '@tidemark/platform';

/** A standalone in a process of its own. */
export interface StandaloneChild {
  /** Its URL as soon as it serves; rejects where it ends before. */
  readonly ready: Promise<string>;
  /** A folder that archives may go to. */
  readonly archives: string;
  /** Resolves when it has ended; stopping it again is fine. */
  stop(): Promise<void>;
}

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
const READY = /^Tidemark is ready at (\S+)/m;
/** What else is set is meant for another server. */
const SETTINGS = /^(TIDEMARK_.*|DATABASE_URL|AMQP_URL|HOST|PORT)$/;

/** Starts standalone on a free port; its database and its archives lie in `home`. */
export function startChild(home: string): StandaloneChild {
  const archives = join(home, 'backups');
  const inherited = Object.entries(environment()).filter(([name]) => !SETTINGS.test(name));
  const child = spawn(process.execPath, [...SERVICE_NODE_FLAGS, MAIN], {
    env: { ...Object.fromEntries(inherited), TIDEMARK_HOME: home, TIDEMARK_FILE_ROOTS: archives, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
    // Ctrl-C in a terminal reaches every process of a group: only the demo shall have it, to end things in order.
    detached: true,
  });
  const exited = once(child, 'exit');
  let output = '';
  const ready = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const url = READY.exec(output)?.[1];
      if (url !== undefined) resolve(url);
    });
    exited.then(() => reject(new Error('the server ended before it was ready')), reject);
  });
  return {
    ready,
    archives,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
