import { Agent as HttpAgent, type AgentOptions } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Duplex } from 'node:stream';

/** What a connection that was not made in time ends with. */
export const NOT_CONNECTED_IN_TIME = 'TIDEMARK_CONNECT_TIMEOUT';

export interface Connections {
  readonly httpAgent: HttpAgent;
  readonly httpsAgent: HttpsAgent;
}

const IDLE_MILLIS = 5_000;

/** Agents of one destination alone. Idle connections are closed after some seconds and hold no process. */
export function connections(wanted: { readonly connectMillis: number; readonly lookup?: LookupFunction }): Connections {
  const options: AgentOptions = {
    keepAlive: true,
    timeout: IDLE_MILLIS,
    ...(wanted.lookup ? { lookup: wanted.lookup } : {}),
  };
  const within = wanted.connectMillis;
  return { httpAgent: new HttpWithin(options, within), httpsAgent: new HttpsWithin(options, within) };
}

class HttpWithin extends HttpAgent {
  constructor(
    options: AgentOptions,
    private readonly millis: number,
  ) {
    super(options);
  }

  override createConnection(...given: Parameters<HttpAgent['createConnection']>): Duplex | null | undefined {
    return connectedWithin(super.createConnection(...given), { event: 'connect', millis: this.millis });
  }
}

class HttpsWithin extends HttpsAgent {
  constructor(
    options: AgentOptions,
    private readonly millis: number,
  ) {
    super(options);
  }

  override createConnection(...given: Parameters<HttpsAgent['createConnection']>): Duplex | null | undefined {
    return connectedWithin(super.createConnection(...given), { event: 'secureConnect', millis: this.millis });
  }
}

function connectedWithin<T extends Duplex | null | undefined>(
  socket: T,
  limit: { readonly event: string; readonly millis: number },
): T {
  if (!socket) return socket;
  const timer = setTimeout(() => {
    socket.destroy(Object.assign(new Error('no connection in time'), { code: NOT_CONNECTED_IN_TIME }));
  }, limit.millis);
  for (const event of [limit.event, 'close']) socket.once(event, () => clearTimeout(timer));
  return socket;
}
