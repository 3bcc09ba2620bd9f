import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { environment, SERVICE_NODE_FLAGS, type Environment } from '@tidemark/platform';

import { withoutSettings } from '../without-settings.js';

/** A server of the demo's own. */
export interface ServerChild {
  /** When it serves; rejects where it ends before. */
  readonly ready: Promise<Ready>;
  /** A folder that archives may go to. */
  readonly archives: string;
  /** Resolves when it has ended; stopping it again is fine. */
  stop(): Promise<void>;
}

interface Ready {
  readonly url: string;
  /** For a person: what runs, and in how many processes. */
  readonly madeOf: string;
}

interface Program {
  readonly main: string;
  readonly settings: Environment;
  readonly madeOf: (banner: string) => string;
}

const POSTGRES = 'PostgreSQL from its npm package';
const STANDALONE: Program = {
  main: '../main.js',
  settings: {},
  madeOf: () => `gateway, index-service, transfer-worker and archive-depot in one process, ${POSTGRES}`,
};
/** A broker that others use would keep the queues. */
const SERVICES: Program = {
  main: '../services/main.js',
  settings: { TIDEMARK_INTERNAL_PORT: '0', TIDEMARK_INDEX_PORT: '0', TIDEMARK_WORKER_PORT: '0', AMQP_URL: 'private' },
  madeOf: (banner) => {
    const processes = [...banner.matchAll(/^ {2}(\S+) +http\S+ (\(pid \d+\))$/gm)].map(
      ([, name, pid]) => `${name} ${pid}`,
    );
    const broker = /^ {2}RabbitMQ: ([\d.]+)/m.exec(banner)?.[1];
    return `${processes.join(', ')}; ${POSTGRES}, a RabbitMQ ${broker} of its own`;
  },
};
const READY = /^Tidemark is ready at (\S+)[^]*Ctrl-C/m;

/**
 * Starts standalone, or the services in a process each with a broker between them, on free ports; everything that they
 * keep lies in `home`.
 */
export function startChild(home: string, { services }: { services: boolean }): ServerChild {
  const { main, settings, madeOf } = services ? SERVICES : STANDALONE;
  const archives = join(home, 'backups');
  const own = { TIDEMARK_HOME: home, TIDEMARK_FILE_ROOTS: archives, PORT: '0', TIDEMARK_DEPOT_PORT: '0', ...settings };
  const child = spawn(process.execPath, [...SERVICE_NODE_FLAGS, fileURLToPath(new URL(main, import.meta.url))], {
    // What is set is meant for another server.
    env: { ...withoutSettings(environment()), ...own },
    stdio: ['ignore', 'pipe', 'inherit'],
    // Ctrl-C in a terminal reaches every process of a group: only the demo shall have it, to end things in order.
    detached: true,
  });
  const exited = once(child, 'exit');
  let output = '';
  const ready = new Promise<Ready>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const url = READY.exec(output)?.[1];
      if (url !== undefined) resolve({ url, madeOf: madeOf(output) });
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
