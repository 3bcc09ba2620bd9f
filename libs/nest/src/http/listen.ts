import type { AddressInfo, Server } from 'node:net';
import { Server as TlsServer } from 'node:tls';

import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';

import { errnoOf } from '@tidemark/platform';

/** The port that a setting names belongs to another process. */
export class PortInUseError extends Error {
  override readonly name = 'PortInUseError';

  constructor(
    readonly port: number,
    readonly setting: string,
    cause: unknown,
  ) {
    super(`port ${port} is in use; start with ${setting}=${port + 1}`, { cause });
  }
}

/** Not addresses to call, but all of a machine's at once; by the loopback one among them. */
const ANY_ADDRESS = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);

export interface ListenOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** Name of the setting that the port comes from. */
  readonly setting: string;
}

/**
 * Opens the port and returns a base URL that it can be reached at from this machine, without a slash at its end. Throws
 * `PortInUseError`.
 */
export async function listen(app: NestFastifyApplication, { host, port, setting }: ListenOptions): Promise<string> {
  const fastify: FastifyInstance = app.getHttpAdapter().getInstance();
  try {
    await fastify.listen({ host, port });
  } catch (error) {
    throw errnoOf(error) === 'EADDRINUSE' ? new PortInUseError(port, setting, error) : error;
  }
  const { address, port: opened } = fastify.server.address() as AddressInfo;
  const reachable = ANY_ADDRESS.get(address) ?? address;
  const scheme = (fastify.server as Server) instanceof TlsServer ? 'https' : 'http';
  return `${scheme}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${opened}`;
}
