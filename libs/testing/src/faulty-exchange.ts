import { once } from 'node:events';
import {
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import type { Readable, Writable } from 'node:stream';

import { sleep } from '@tidemark/platform';

import type { AnswerHead, Cut, Fault } from './http-faults.js';

/** A request as it came to the proxy. */
export interface ProxiedRequest {
  /** Of all since faults were last given, from 1. */
  readonly number: number;
  readonly method: string;
  /** Of `Range` or `Content-Range`; the end is the byte behind the last. */
  readonly range: { readonly start: number; readonly end: number } | undefined;
  /** When it came, on the monotonic clock. */
  readonly atMillis: number;
}

/** What became of a request. */
export interface ProxiedExchange {
  readonly request: ProxiedRequest;
  readonly fault: string | undefined;
  /** Whether the fault was really met: a body can be too short for it. */
  readonly happened: boolean;
  /** That the client was sent. */
  readonly status: number | undefined;
}

interface Ends {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly origin: URL;
}

/** Of one connection, and not of what is said over it. */
const HOP_BY_HOP = ['connection', 'keep-alive', 'transfer-encoding', 'te', 'trailer', 'upgrade'];
const FOR_EVER = new Promise<never>(() => undefined);

/** One request by way of a proxy, with at most one fault. */
export class FaultyExchange implements ProxiedExchange {
  fault: string | undefined;
  happened = false;
  status: number | undefined;
  #fault: Fault = { name: 'none' };

  constructor(
    readonly request: ProxiedRequest,
    private readonly ends: Ends,
  ) {}

  /** Resolves when it is over, or the client has gone. Throws what the origin, or the way to it, throws. */
  async run(fault: Fault | undefined): Promise<void> {
    this.fault = fault?.name;
    if (fault) this.#fault = fault;
    const { response } = this.ends;
    response.on('error', () => undefined);
    const gone = once(response, 'close');
    await Promise.race([fault?.instead ? this.#instead(fault.instead) : this.#pass(), gone]);
  }

  async #instead({ body, when, ...head }: NonNullable<Fault['instead']>): Promise<void> {
    const { request, response } = this.ends;
    if (when === 'BEFORE_BODY') response.setHeader('connection', 'close');
    else await once(request.resume(), 'end');
    this.happened = true;
    this.#writeHead(head);
    response.end(body);
  }

  async #pass(): Promise<void> {
    const { request, response, origin } = this.ends;
    const { ask = (headers) => headers, request: cut } = this.#fault;
    const hasBody = Number(request.headers['content-length'] ?? 0) > 0;
    if (cut && !hasBody) {
      await this.#end(cut.then);
      return;
    }
    const sent = httpRequest(new URL(request.url ?? '/', origin), {
      method: request.method,
      headers: { ...endToEnd(ask(request.headers)), host: origin.host },
      agent: false,
    });
    sent.on('error', () => undefined);
    response.once('close', () => sent.destroy());
    const passing = this.#passRequest(sent, cut);
    const [answer] = (await Promise.race([once(sent, 'response'), passing])) as [IncomingMessage];
    await this.#passAnswer(answer);
  }

  /** Never resolves: the answer says how it went on, and may come before all of the request is through. */
  async #passRequest(sent: ClientRequest, cut: Cut | undefined): Promise<never> {
    const isThrough = await copied(this.ends.request, sent, cut);
    if (isThrough) sent.end();
    else if (cut) await this.#end(cut.then);
    return await FOR_EVER;
  }

  async #passAnswer(answer: IncomingMessage): Promise<void> {
    const { response, request } = this.ends;
    const { head = (given) => given, answer: cut, drip, ask } = this.#fault;
    const given = { status: answer.statusCode ?? 0, headers: endToEnd(answer.headers) };
    const changed = head(given);
    if (typeof changed === 'string') {
      await this.#end(changed);
      return;
    }
    this.#writeHead(changed);
    if (changed !== given || (ask && request.headers.range !== undefined && given.status === 200)) this.happened = true;
    response.flushHeaders();
    if (drip) await this.#drip(answer, drip);
    const isThrough = drip !== undefined || (await copied(answer, response, cut));
    if (isThrough || !cut) response.end();
    else await this.#end(cut.then);
  }

  async #drip(answer: IncomingMessage, { pieces, pauseMillis }: NonNullable<Fault['drip']>): Promise<void> {
    const pieceBytes = Math.ceil(Number(answer.headers['content-length'] ?? 0) / pieces);
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length; at += pieceBytes) {
        await sleep(pauseMillis);
        await write(this.ends.response, chunk.subarray(at, at + pieceBytes));
        this.happened = true;
      }
    }
  }

  #writeHead({ status, headers }: AnswerHead): void {
    this.status = status;
    this.ends.response.writeHead(status, headers);
  }

  async #end(how: Cut['then']): Promise<void> {
    const { request, response } = this.ends;
    this.happened = true;
    if (how === 'RESET') request.socket.resetAndDestroy();
    else if (how === 'CLOSE') request.socket.end();
    else if (how === 'END') response.end();
    else await FOR_EVER;
  }
}

/** False where the cut came before the end. Neither stream is ended. */
async function copied(from: Readable, to: Writable, cut: Cut | undefined): Promise<boolean> {
  let room = cut?.bytes ?? Infinity;
  if (room <= 0) return false;
  for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    await write(to, chunk.subarray(0, room));
    room -= chunk.length;
    if (room <= 0) return false;
  }
  return true;
}

async function write(to: Writable, bytes: Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    to.write(bytes, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

function endToEnd(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).filter(([name, value]) => value !== undefined && !HOP_BY_HOP.includes(name)),
  );
}
