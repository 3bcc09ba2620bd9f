import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';

import { errnoOf } from '@tidemark/platform';

import { PortForbiddenError, PortTakenError } from '../errors.js';

/** A port of 127.0.0.1 that nobody listens on: `wanted`, or any for 0. Throws PortTakenError, PortForbiddenError. */
export async function freePort(wanted: number): Promise<number> {
  const server = await listen(wanted);
  const { port } = server.address() as AddressInfo;
  await close(server);
  return port;
}

/** Ports as {@link freePort} finds one, no two the same. */
export async function freePorts<T extends readonly number[]>(...wanted: T): Promise<{ [K in keyof T]: number }> {
  const servers: Server[] = [];
  try {
    for (const port of wanted) servers.push(await listen(port));
    return servers.map((server) => (server.address() as AddressInfo).port) as { [K in keyof T]: number };
  } finally {
    await Promise.all(servers.map(close));
  }
}

async function listen(port: number): Promise<Server> {
  const server = createServer();
  try {
    server.listen({ port, host: '127.0.0.1' });
    await once(server, 'listening');
    return server;
  } catch (error) {
    if (errnoOf(error) === 'EADDRINUSE') throw new PortTakenError(port);
    if (errnoOf(error) === 'EACCES') throw new PortForbiddenError(port);
    throw error;
  }
}

async function close(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}
