import { WireConnection, type WireAnswer } from './connection.js';

/** Of one PUT and of one GET. */
export const ANCESTOR_CHUNK_BYTES = 524_288;
export const ANCESTOR_AGENT = 'ServiceHost/b6fb48b7';
const IN_FLIGHT = 11;

/**
 * Speaks to a server as the ancestor does, byte for byte, over sockets of its own: ends are exclusive, eleven chunks are
 * under way at a time, the first one not as the first, and no token is sent.
 */
export class AncestorClient {
  constructor(private readonly url: string) {}

  /** Resolves with the answers to all chunks, whatever they are. */
  async upload(path: string, whole: Buffer): Promise<WireAnswer[]> {
    const answers: WireAnswer[] = [];
    await this.#inFlight(startsOf(whole.length), async (connection, start) => {
      const body = whole.subarray(start, start + ANCESTOR_CHUNK_BYTES);
      const range = `content-range: bytes ${start}-${start + body.length}/${whole.length}`;
      answers.push(await connection.send(head('PUT', path, { range, length: body.length }), body));
    });
    return answers;
  }

  /**
   * The first range tells the total; each answer's body is put where its own Content-Range says. Throws where an answer
   * is one that the ancestor could not use.
   */
  async download(path: string): Promise<Buffer> {
    const first = new WireConnection(this.url);
    const begin = await this.#range(first, { path, start: 0 });
    first.end();
    if (begin.end !== Math.min(ANCESTOR_CHUNK_BYTES, begin.total))
      throw new Error(`its first range ends at ${begin.end}`);
    const file = Buffer.alloc(begin.total);
    let received = begin.body.copy(file);
    await this.#inFlight(startsOf(begin.total).slice(1), async (connection, start) => {
      const range = await this.#range(connection, { path, start });
      if (range.start !== start || range.end !== start + range.body.length)
        throw new Error(`not the range at ${start}`);
      received += range.body.copy(file, start);
    });
    if (received !== begin.total) throw new Error(`of ${begin.total} bytes ${received} came`);
    return file;
  }

  /** One chunk from `start`, whatever the answer is. */
  async ask(path: string, start: number): Promise<WireAnswer> {
    const connection = new WireConnection(this.url);
    try {
      return await connection.send(askFor(path, start));
    } finally {
      connection.end();
    }
  }

  async #range(connection: WireConnection, { path, start }: { path: string; start: number }): Promise<Range> {
    const { status, headers, body } = await connection.send(askFor(path, start));
    const type = headers.get('content-type');
    if (![200, 206].includes(status) || type !== 'application/octet-stream') {
      throw new Error(`it answered ${status}, ${type ?? 'of no type'}, to the range at ${start}`);
    }
    const [, from, to, total] = / (\d+)-(\d+)\/(\d+)/.exec(headers.get('content-range') ?? '') ?? [];
    return { start: Number(from), end: Number(to), total: Number(total), body };
  }

  /** Calls `work` for each chunk, eleven at a time over as many connections, the first one among the last of its batch. */
  async #inFlight(
    chunks: readonly number[],
    work: (connection: WireConnection, start: number) => Promise<void>,
  ): Promise<void> {
    const waiting = [...chunks.slice(1, IN_FLIGHT), ...chunks.slice(0, 1), ...chunks.slice(IN_FLIGHT)];
    const connections = Array.from({ length: IN_FLIGHT }, () => new WireConnection(this.url));
    try {
      await Promise.all(
        connections.map(async (connection) => {
          for (let start = waiting.shift(); start !== undefined; start = waiting.shift()) await work(connection, start);
        }),
      );
    } finally {
      for (const connection of connections) connection.end();
    }
  }
}

interface Range {
  readonly start: number;
  /** The first byte that is not of it. */
  readonly end: number;
  readonly total: number;
  readonly body: Buffer;
}

function startsOf(total: number): number[] {
  return Array.from({ length: Math.ceil(total / ANCESTOR_CHUNK_BYTES) }, (_, index) => index * ANCESTOR_CHUNK_BYTES);
}

function askFor(path: string, start: number): string[] {
  return head('GET', path, { range: `range: bytes=${start}-${start + ANCESTOR_CHUNK_BYTES}`, length: 0 });
}

function head(method: 'GET' | 'PUT', path: string, { range, length }: { range: string; length: number }): string[] {
  return [
    `${method} ${path} HTTP/1.1`,
    range,
    `content-type: ${method === 'PUT' ? 'application/octet-stream' : 'application/json'}`,
    `content-length: ${length}`,
    'connection: keep-alive',
    'referer: http://127.0.0.1:18000/core/management',
    `user-agent: ${ANCESTOR_AGENT}`,
    'accept: */*',
    'host: 127.0.0.1',
  ];
}
