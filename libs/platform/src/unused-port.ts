import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

import { errnoOf } from './system-errors.js';

const LOWEST = 12_000;
/** From here on operating systems give ports to connections, unless they are told otherwise. */
const BEYOND = 32_000;
const given = new Set<number>();

/**
 * A port that nobody listens on, never the same twice in a process. No connection of anybody is given it, so that it is
 * still free when the service that it is for has started. Rejects with a system error for a host that is not ours.
 */
export async function unusedPort(host = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST, BEYOND);
    if (given.has(port) || !(await isUnused(host, port))) continue;
    given.add(port);
    return port;
  }
}

async function isUnused(host: string, port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen({ host, port }), 'listening');
  } catch (error) {
    if (errnoOf(error) === 'EADDRINUSE') return false;
    throw error;
  }
  server.close();
  await once(server, 'close');
  return true;
}
