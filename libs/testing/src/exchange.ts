import { once } from 'node:events';
import { Agent, request, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

import { errorBodySchema, type ErrorBody } from '@tidemark/contracts';

/** A request as it goes over the wire: neither its path nor its headers are put in order. */
export interface RawCall {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
  readonly signal?: AbortSignal;
  /** Address of this machine that it comes from. */
  readonly localAddress?: string;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/**
 * One request over a connection of its own, which stays until the answer is there: one that is to be closed may end
 * before all of a refused body was sent.
 */
export async function exchange(url: string, call: RawCall): Promise<RawAnswer> {
  const { body, ...given } = call;
  const agent = new Agent({ keepAlive: true });
  try {
    const sent = request(url, { ...given, agent });
    sent.end(body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    sent.on('error', () => undefined);
    return { status: answer.statusCode ?? 0, headers: answer.headers, text: await text(answer) };
  } finally {
    agent.destroy();
  }
}

/** What comes back for bytes that need not be HTTP, as text, until the other side closes. */
export async function exchangeBytes(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.write(bytes);
  return await text(socket);
}

/** The error body of an answer, held against its schema, the answer's status and what every answer carries. */
export function refusalOf({ status, headers, text: body }: RawAnswer): ErrorBody {
  const error = errorBodySchema.strict().parse(JSON.parse(body));
  const problems = [
    error.statusCode !== status && `status ${status}, but the body says ${error.statusCode}`,
    !headers['x-request-id'] && 'there is no x-request-id',
    headers['content-type'] !== 'application/json; charset=utf-8' && `its type is ${headers['content-type'] ?? 'none'}`,
    !body.startsWith('{"message":') && 'its fields are in disorder',
  ].filter((problem) => typeof problem === 'string');
  if (problems.length > 0) throw new Error(`${problems.join('; ')}: ${body}`);
  return error;
}
