import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request, type Agent, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';

import { errorBodySchema, type ErrorBody } from '@tidemark/contracts';
import type { HttpLimits } from '@tidemark/nest';
import { readConfig, silentLogger, systemClock, type Clock } from '@tidemark/platform';

import { startArchiveDepot } from './archive-depot.js';
import { archiveDepotSettings } from './config.js';

export interface Call {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array | string;
  readonly agent?: Agent;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface DepotOptions {
  readonly settings?: Record<string, string>;
  readonly limits?: Partial<HttpLimits>;
}

/** A depot in this process over a folder of its own, and a clock that goes on when it is told to. */
export class TestDepot {
  url = '';
  aheadMillis = 0;
  #stops: (() => Promise<unknown>)[] = [];

  private constructor(
    readonly folder: string,
    private readonly options: DepotOptions,
  ) {}

  static async start(options: DepotOptions = {}): Promise<TestDepot> {
    const depot = new TestDepot(await mkdtemp(join(tmpdir(), 'tidemark-depot-')), options);
    try {
      await depot.#start();
      return depot;
    } catch (error) {
      await depot.close();
      throw error;
    }
  }

  /** In a process of its own it would be another one. */
  async restart(): Promise<void> {
    await this.stop();
    await this.#start();
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse()) await stop();
  }

  async close(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true });
  }

  async call(path: string, call: Call = {}): Promise<Answer> {
    const sent = this.open(path, call);
    sent.end(call.body);
    return await answerOf(sent);
  }

  /** A request whose body the caller sends. */
  open(path: string, { method = 'GET', headers = {}, agent }: Omit<Call, 'body'>): ClientRequest {
    const { port } = new URL(this.url);
    return request({ host: '127.0.0.1', port, path: `/archives/${path}`, method, headers, agent: agent ?? false });
  }

  async put(name: string, body: Uint8Array | string, headers: Record<string, string> = {}): Promise<Answer> {
    return await this.call(name, { method: 'PUT', body, headers });
  }

  /** A piece of `whole` as RFC 9110 has it. */
  async putPiece(name: string, whole: Buffer, piece: Piece): Promise<Answer> {
    const { start, end, headers = {} } = piece;
    const range = { 'content-range': `bytes ${start}-${end - 1}/${whole.length}` };
    return await this.put(name, whole.subarray(start, end), { ...range, ...headers });
  }

  async content(name: string): Promise<Buffer | undefined> {
    const { status, body } = await this.call(name);
    return status === 200 ? body : undefined;
  }

  async list(): Promise<{ archives: Record<string, unknown>[]; uploads: Record<string, unknown>[] }> {
    return JSON.parse((await this.call('')).body.toString()) as Awaited<ReturnType<TestDepot['list']>>;
  }

  /** Files of uploads that are not whole, by the ends of their names. */
  async leftovers(): Promise<string[]> {
    const files = await readdir(this.folder);
    return files.filter((file) => file.startsWith('.')).map((file) => file.slice(file.lastIndexOf('.')));
  }

  /** Bytes of bodies so far, in this run. */
  async received(): Promise<number> {
    const text = await (await fetch(`${this.url}/core/metrics`)).text();
    return Number(/^tidemark_depot_received_bytes_total\S* (\d+)$/m.exec(text)?.[1]);
  }

  async #start(): Promise<void> {
    const given = { TIDEMARK_DEPOT_FOLDER: this.folder, PORT: '0', ...this.options.settings };
    const clock: Clock = {
      nowMicros: () => systemClock.nowMicros() + this.aheadMillis * 1000,
      monotonicMillis: () => systemClock.monotonicMillis() + this.aheadMillis,
    };
    const onStop = (_name: string, stop: () => Promise<unknown>): unknown => this.#stops.push(stop);
    const { limits = {} } = this.options;
    const parts = { log: silentLogger, onStop, clock, limits };
    this.url = (await startArchiveDepot(readConfig(archiveDepotSettings, given), parts)).url;
  }
}

export interface Piece {
  readonly start: number;
  readonly end: number;
  readonly headers?: Record<string, string>;
}

export async function answerOf(sent: ClientRequest): Promise<Answer> {
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await buffer(answer) };
}

/** The error body of an answer, held against its status. */
export function refusalOf({ status, body }: Answer): ErrorBody {
  const error = errorBodySchema.parse(JSON.parse(body.toString()));
  if (error.statusCode !== status) throw new Error(`status ${status}, but the body says ${error.statusCode}`);
  return error;
}

/** Jest would compare large buffers byte by byte. */
export function isSame(one: Buffer | undefined, other: Buffer): boolean {
  return one !== undefined && other.equals(one);
}
