import { Agent as HttpAgent, type AgentOptions } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { Socket, type LookupFunction } from 'node:net';

/** What a connection that was not made in time ends with. */
export const NOT_CONNECTED_IN_TIME = 'TIDEMARK_CONNECT_TIMEOUT';

export interface Connections {
  readonly httpAgent: HttpAgent;
  readonly httpsAgent: HttpsAgent;
}

const IDLE_MILLIS = 5_000;

export interface WantedConnections {
  readonly connectMillis: number;
  readonly lookup?: LookupFunction;
  /** Throws for an address that must not be talked to. */
  readonly checkAddress?: (address: string) => void;
}

/**
 * Agents of one destination alone. Idle connections are closed after some seconds and hold no process. Certificates are
 * verified, whatever the environment says.
 */
export function connections({ connectMillis: millis, lookup, checkAddress }: WantedConnections): Connections {
  const options: AgentOptions = { keepAlive: true, timeout: IDLE_MILLIS, ...(lookup ? { lookup } : {}) };
  const http = connectingWithin(new HttpAgent(options), { event: 'connect', millis });
  const https = connectingWithin(new HttpsAgent({ ...options, rejectUnauthorized: true }), {
    event: 'secureConnect',
    millis,
  });
  if (!checkAddress) return { httpAgent: http, httpsAgent: https };
  return { httpAgent: checkingAddresses(http, checkAddress), httpsAgent: checkingAddresses(https, checkAddress) };
}

/** Ends a connection to an address that must not be talked to, before a byte goes there. */
function checkingAddresses<A extends HttpAgent>(agent: A, checkAddress: (address: string) => void): A {
  const create = agent.createConnection.bind(agent);
  agent.createConnection = (...given) => {
    const socket = create(...given);
    // Before whoever writes to it listens, so that nothing is written.
    if (socket instanceof Socket) socket.once('connect', () => endUnlessAllowed(socket, checkAddress));
    return socket;
  };
  return agent;
}

function endUnlessAllowed(socket: Socket, checkAddress: (address: string) => void): void {
  try {
    checkAddress(socket.remoteAddress ?? '');
  } catch (error) {
    socket.destroy(error as Error);
  }
}

/** Ends connections for which `event` does not come in time. */
function connectingWithin<A extends HttpAgent>(agent: A, limit: { event: string; millis: number }): A {
  const create = agent.createConnection.bind(agent);
  agent.createConnection = (...given) => {
    const socket = create(...given);
    if (!socket) return socket;
    const timer = setTimeout(() => {
      socket.destroy(Object.assign(new Error('no connection in time'), { code: NOT_CONNECTED_IN_TIME }));
    }, limit.millis);
    for (const event of [limit.event, 'close']) socket.once(event, () => clearTimeout(timer));
    return socket;
  };
  return agent;
}
