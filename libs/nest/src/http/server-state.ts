import type { Server } from 'node:http';

import type { FastifyReply, FastifyRequest } from 'fastify';

import type { HttpLimits } from './http-limits.js';

/** What the helpers of this folder have to know of the server that a request came to. */
export interface ServerState {
  readonly limits: HttpLimits;
  /** Aborts when the server was told to close. */
  readonly stopping: AbortSignal;
}

const states = new WeakMap<Server, ServerState>();

export function keepServerState(server: Server, state: ServerState): void {
  states.set(server, state);
}

export function serverStateOf({ server }: FastifyRequest | FastifyReply): ServerState {
  const state = states.get(server.server);
  if (!state) throw new Error('this server was not made by createHttpApplication');
  return state;
}
