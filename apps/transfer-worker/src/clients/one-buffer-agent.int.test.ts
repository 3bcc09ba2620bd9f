import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

import { afterEach, beforeEach, expect, test } from '@jest/globals';

import { OneBufferAgent } from './one-buffer-agent.js';

const CONTENT = randomBytes(8 * 1024 * 1024);
let server: Server;
let agent: OneBufferAgent;

beforeEach(async () => {
  agent = new OneBufferAgent({ keepAlive: true });
  server = createServer((_request, response) => response.end(CONTENT)).listen(0, '127.0.0.1');
  server.keepAliveTimeout = 60_000;
  await once(server, 'listening');
});
afterEach(() => {
  agent.destroy();
  server.close();
});

const sha256Of = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

/** What memory an answer was read into, and an answer. */
async function ask(): Promise<{ memory: Set<unknown>; socket: Socket; answer: IncomingMessage }> {
  const memory = new Set<unknown>();
  const request = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', agent });
  const [socket] = (await once(request, 'socket')) as [Socket];
  socket.on('data', (chunk) => memory.add(chunk.buffer));
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  return { memory, socket, answer };
}

async function bytesOf(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test('answers come whole, several at once, each connection’s through one buffer, also the next answer’s', async () => {
  const asked = await Promise.all([ask(), ask(), ask()]);
  const came = await Promise.all(asked.map(({ answer }) => bytesOf(answer)));
  expect(came.map(sha256Of)).toEqual([1, 2, 3].map(() => sha256Of(CONTENT)));
  expect(asked.map(({ memory }) => memory.size)).toEqual([1, 1, 1]);
  const again = await ask();
  expect(sha256Of(await bytesOf(again.answer))).toBe(sha256Of(CONTENT));
  const { memory } = asked.find(({ socket }) => socket === again.socket)!;
  expect(again.memory).toEqual(memory);
  expect(memory.size).toBe(1);
});

test('a reader that takes its time is waited for', async () => {
  const { answer } = await ask();
  const taken: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    taken.push(chunk);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect(answer.readableLength).toBeLessThan(256 * 1024);
  }
  expect(sha256Of(Buffer.concat(taken))).toBe(sha256Of(CONTENT));
});

test('a connection that breaks is an error of its answer', async () => {
  const { answer, socket } = await ask();
  socket.destroy();
  await expect(bytesOf(answer)).rejects.toMatchObject({ code: 'ECONNRESET' });
});
