import { connect, type Socket } from 'node:net';

/** What a server answered to bytes that a client has written itself. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** One connection that stays, with one request at a time; answers must tell their length. */
export class WireConnection {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #wake = Promise.withResolvers<undefined>();

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#socket = connect(Number(port), hostname);
    this.#socket.on('data', (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#wake.resolve(undefined);
    });
    this.#socket.on('error', (error) => this.#wake.reject(error));
    this.#socket.once('close', () => this.#wake.reject(new Error('the connection was closed')));
    this.#wake.promise.catch(() => undefined);
  }

  /** Request line and headers as they are, and the body. */
  async send(lines: readonly string[], body: Buffer = Buffer.alloc(0)): Promise<WireAnswer> {
    this.#socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    this.#socket.write(body);
    const end = await this.#until(() => this.#received.indexOf('\r\n\r\n'));
    const [status = '', ...rest] = this.#received.toString('latin1', 0, end).split('\r\n');
    const headers = new Map(rest.map((line) => nameAndValue(line)));
    const begin = end + 4;
    const length = Number(headers.get('content-length') ?? 0);
    await this.#until(() => (this.#received.length < begin + length ? -1 : length));
    const answered = this.#received.subarray(begin, begin + length);
    this.#received = this.#received.subarray(begin + length);
    return { status: Number(status.split(' ')[1]), headers, body: answered };
  }

  end(): void {
    this.#socket.destroy();
  }

  /** What `look` finds, as soon as that is not -1. */
  async #until(look: () => number): Promise<number> {
    for (let found = look(); ; found = look()) {
      if (found !== -1) return found;
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
      this.#wake.promise.catch(() => undefined);
    }
  }
}

function nameAndValue(line: string): [string, string] {
  const [name = '', value = ''] = line.split(': ');
  return [name.toLowerCase(), value];
}
