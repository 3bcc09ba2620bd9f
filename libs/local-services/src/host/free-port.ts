import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

import { PortForbiddenError, PortTakenError } from '../errors.js';
import { codeOf } from './folders.js';

/** A port of 127.0.0.1 that nobody listens on: `wanted`, or any for 0. Throws PortTakenError, PortForbiddenError. */
export async function freePort(wanted: number): Promise<number> {
  const server = createServer();
  try {
    server.listen({ port: wanted, host: '127.0.0.1' });
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    return port;
  } catch (error) {
    if (codeOf(error) === 'EADDRINUSE') throw new PortTakenError(wanted);
    if (codeOf(error) === 'EACCES') throw new PortForbiddenError(wanted);
    throw error;
  }
}
