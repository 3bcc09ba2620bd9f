import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { isSame, TestDepot } from './depot.fixture.test.js';

/** A client that speaks to the depot as the ancestor does, byte for byte, over sockets of its own. */
const CHUNK = 524_288;
const AGENT = 'ServiceHost/b6fb48b7';

let depot: TestDepot;
beforeEach(async () => {
  depot = await TestDepot.start();
});
afterEach(() => depot.close());

interface Response {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** One connection; one request at a time. */
class Connection {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #wake = Promise.withResolvers<undefined>();

  constructor() {
    this.#socket = connect(Number(new URL(depot.url).port), '127.0.0.1');
    this.#socket.on('data', (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#wake.resolve(undefined);
      this.#wake = Promise.withResolvers();
    });
  }

  async send(lines: readonly string[], body: Buffer): Promise<Response> {
    this.#socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    this.#socket.write(body);
    while (!this.#received.includes('\r\n\r\n')) await this.#wake.promise;
    const end = this.#received.indexOf('\r\n\r\n');
    const [status = '', ...rest] = this.#received.toString('latin1', 0, end).split('\r\n');
    const headers = new Map(rest.map((line) => [line.split(': ')[0]!.toLowerCase(), line.split(': ')[1]!]));
    const length = Number(headers.get('content-length') ?? 0);
    while (this.#received.length < end + 4 + length) await this.#wake.promise;
    const answered = this.#received.subarray(end + 4, end + 4 + length);
    this.#received = this.#received.subarray(end + 4 + length);
    return { status: Number(status.split(' ')[1]), headers, body: answered };
  }

  end(): void {
    this.#socket.destroy();
  }
}

const headLines = (method: string, range: string, length: number): string[] => [
  `${method} /archives/ok/a.zip HTTP/1.1`,
  range,
  `content-type: ${method === 'PUT' ? 'application/octet-stream' : 'application/json'}`,
  `content-length: ${length}`,
  'connection: keep-alive',
  'referer: http://127.0.0.1:18000/core/management',
  `user-agent: ${AGENT}`,
  'accept: */*',
  'host: 127.0.0.1',
];

/** Calls `work` for each chunk, eleven at a time over as many connections, the first one among the last of its batch. */
async function inFlight(
  chunks: readonly number[],
  work: (connection: Connection, start: number) => Promise<void>,
): Promise<void> {
  const waiting = [...chunks.slice(1, 11), ...chunks.slice(0, 1), ...chunks.slice(11)];
  const connections = Array.from({ length: 11 }, () => new Connection());
  await Promise.all(
    connections.map(async (connection) => {
      for (let start = waiting.shift(); start !== undefined; start = waiting.shift()) await work(connection, start);
      connection.end();
    }),
  );
}

const startsOf = (total: number): number[] =>
  Array.from({ length: Math.ceil(total / CHUNK) }, (_, index) => index * CHUNK);

async function upload(whole: Buffer): Promise<Response[]> {
  const answers: Response[] = [];
  await inFlight(startsOf(whole.length), async (connection, start) => {
    const body = whole.subarray(start, start + CHUNK);
    const range = `content-range: bytes ${start}-${start + body.length}/${whole.length}`;
    answers.push(await connection.send(headLines('PUT', range, body.length), body));
  });
  return answers;
}

/** The first range tells the total; each answer's body is put where its own Content-Range says. */
async function download(): Promise<Buffer> {
  const nothing = Buffer.alloc(0);
  const first = new Connection();
  const ask = async (connection: Connection, start: number): Promise<[number, number, number, Buffer]> => {
    const answer = await connection.send(headLines('GET', `range: bytes=${start}-${start + CHUNK}`, 0), nothing);
    expect([200, 206]).toContain(answer.status);
    expect(answer.headers.get('content-type')).toBe('application/octet-stream');
    const range = / (\d*)[-](\d*)[/](\d*)/.exec(answer.headers.get('content-range')!)!.slice(1).map(Number);
    return [...(range as [number, number, number]), answer.body];
  };
  const [, end, total, begin] = await ask(first, 0);
  first.end();
  expect(end).toBe(Math.min(CHUNK, total));
  const file = Buffer.alloc(total);
  begin.copy(file);
  let received = begin.length;
  await inFlight(startsOf(total).slice(1), async (connection, start) => {
    const [from, to, , body] = await ask(connection, start);
    expect([from, to]).toEqual([start, start + body.length]);
    received += body.copy(file, from);
  });
  expect(received).toBe(total);
  return file;
}

describe('the ancestor', () => {
  test.each([22_951_939, 12 * CHUNK, CHUNK + 1, CHUNK, 1])('stores %d bytes and has them back', async (bytes) => {
    const whole = randomBytes(bytes);
    const answers = await upload(whole);
    for (const { status, body } of answers) expect([status < 300, body.length]).toEqual([true, 0]);
    expect(answers.filter(({ status }) => status === 201).length).toBeGreaterThan(0);
    expect(isSame(await depot.content('ok/a.zip'), whole)).toBe(true);
    expect(isSame(await download(), whole)).toBe(true);
    expect(await depot.leftovers()).toEqual([]);
  });

  test('replaces an archive by a shorter one, which has no tail of the old one', async () => {
    const whole = randomBytes(3 * CHUNK);
    await upload(whole);
    await upload(whole.subarray(0, 2 * CHUNK - 1));
    expect(isSame(await download(), whole.subarray(0, 2 * CHUNK - 1))).toBe(true);
  });

  test('asks behind the end, and for an archive that is not there', async () => {
    await upload(randomBytes(100));
    const connection = new Connection();
    const nothing = Buffer.alloc(0);
    expect((await connection.send(headLines('GET', 'range: bytes=100-524388', 0), nothing)).status).toBe(416);
    await depot.call('ok/a.zip', { method: 'DELETE' });
    expect((await connection.send(headLines('GET', 'range: bytes=0-524288', 0), nothing)).status).toBe(404);
    connection.end();
  });

  test('gets all of it where it names no range', async () => {
    const whole = randomBytes(1000);
    await upload(whole);
    const { status, headers, body } = await depot.call('ok/a.zip', { headers: { 'user-agent': AGENT } });
    expect([status, headers['content-range'], body]).toEqual([200, undefined, whole]);
  });
});
