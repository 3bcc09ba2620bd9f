import { Agent as HttpAgent, type AgentOptions } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { LookupFunction } from 'node:net';

/** What a connection that was not made in time ends with. */
export const NOT_CONNECTED_IN_TIME = 'TIDEMARK_CONNECT_TIMEOUT';

export interface Connections {
  readonly httpAgent: HttpAgent;
  readonly httpsAgent: HttpsAgent;
}

const IDLE_MILLIS = 5_000;

/** Agents of one destination alone. Idle connections are closed after some seconds and hold no process. */
export function connections(wanted: { readonly connectMillis: number; readonly lookup?: LookupFunction }): Connections {
  const { connectMillis: millis, lookup } = wanted;
  const options: AgentOptions = { keepAlive: true, timeout: IDLE_MILLIS, ...(lookup ? { lookup } : {}) };
  return {
    httpAgent: connectingWithin(new HttpAgent(options), { event: 'connect', millis }),
    httpsAgent: connectingWithin(new HttpsAgent(options), { event: 'secureConnect', millis }),
  };
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
