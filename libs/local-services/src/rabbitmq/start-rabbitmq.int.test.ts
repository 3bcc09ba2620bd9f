import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { connect as connectSocket, createServer, type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { silentLogger as log } from '@tidemark/platform';
import { connect } from 'amqplib';

import { BrokerRefusedError, BrokerStartError, FolderInUseError, PortTakenError } from '../errors.js';
import { temporaryFolder } from '../host/folders.js';
import { allGone, familyOf, parentOf } from '../owner.fixture.test.js';
import { askRabbitMq } from './ask-rabbitmq.js';
import type { LocalRabbitMq } from './local-rabbitmq.js';
import { findInstalled } from './installed.js';
import { newUser, startRabbitMq, type RabbitMqOptions } from './start-rabbitmq.js';

jest.setTimeout(120_000); // brokers are started: on a busy machine that takes its time

let folder: string;
const started: LocalRabbitMq[] = [];

async function start(options: Partial<RabbitMqOptions> = {}): Promise<LocalRabbitMq> {
  const broker = await startRabbitMq({ folder, log, ...options });
  started.push(broker);
  return broker;
}

beforeAll(async () => {
  const user = await newUser({ kind: 'node', server: '', epmd: '', path: '', from: '' });
  folder = await mkdtemp(join(await temporaryFolder(user), 'tidemark-test-'));
  await chmod(folder, 0o755);
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((broker) => broker.stop()));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a broker on a folder', () => {
  test('keeps its queues and what is in them from start to start', async () => {
    const first = await start();
    await publish(first, 'still here');
    const family = await familyOf(await parentOf(first.pid));
    expect(family.length).toBeGreaterThanOrEqual(4); // keeper, register, broker, the broker's helper
    await Promise.all([first.stop(), first.stop()]);
    expect(await first.exited).toMatchObject({ expected: true });
    await allGone(family);

    const second = await start();
    expect(await consume(second)).toBe('still here');
    expect(second.version).toMatch(/^\d+\.\d+/);
  });

  test('is reached from this machine only, with the password, which only we can read', async () => {
    const broker = await start();
    const url = new URL(broker.url);
    expect([url.hostname, url.username]).toEqual(['127.0.0.1', 'tidemark']);
    for (const wrong of [broker.url.replace(url.password, 'wrong'), `amqp://guest:guest@${url.host}`]) {
      await expect(askRabbitMq(wrong)).rejects.toThrow(BrokerRefusedError);
    }
    for (const address of otherAddresses()) expect(await accepts(address, broker.port)).toBe(false);
    expect(await accepts('127.0.0.1', broker.port)).toBe(true);
    const { mode, uid } = await stat(join(folder, 'node', 'identity.json'));
    expect([mode & 0o777, uid]).toEqual([0o600, process.getuid?.()]);
    expect((await stat(join(folder, 'node', 'state'))).mode & 0o777).toBe(0o700);

    const refused: unknown = await startRabbitMq({ folder, log }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(FolderInUseError);
    expect(refused).toMatchObject({ folder, pid: process.pid });
  });

  test('names a port that is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await expect(startRabbitMq({ folder, log, port })).rejects.toThrow(new PortTakenError(port));
    other.close();
    await once(other, 'close');
  });

  test('gives up its start when the signal aborts, and leaves no process', async () => {
    const aborted = new AbortController();
    const starting = startRabbitMq({ folder, log, signal: aborted.signal });
    aborted.abort(new Error('changed my mind'));
    await expect(starting).rejects.toThrow('changed my mind');
  });

  test('that does not start: what it said is told', async () => {
    const programs = await findInstalled();
    if (typeof programs === 'string') throw new Error(programs);
    const broken = { ...programs, path: '/nowhere' };
    await expect(startRabbitMq({ folder, log, programs: broken })).rejects.toThrow(BrokerStartError);
    expect(await readFile(join(folder, 'server.log'), 'utf8')).toMatch(/not found/);
  });
});

async function publish(broker: LocalRabbitMq, text: string): Promise<void> {
  const model = await connect(broker.url);
  const channel = await model.createConfirmChannel();
  await channel.assertQueue('kept', { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  channel.sendToQueue('kept', Buffer.from(text), { persistent: true });
  await channel.waitForConfirms();
  await model.close();
}

async function consume(broker: LocalRabbitMq): Promise<string> {
  const model = await connect(broker.url);
  const channel = await model.createChannel();
  const text = await new Promise<string>((resolve, reject) => {
    const take = (message: { content: Buffer } | null): void => resolve(message?.content.toString() ?? '');
    channel.consume('kept', take, { noAck: true }).catch(reject);
  });
  await model.close();
  return text;
}

/** The machine's IPv4 addresses that others know it by. */
function otherAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address }) => address);
}

async function accepts(host: string, port: number): Promise<boolean> {
  const socket = connectSocket({ host, port });
  const isAccepted = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isAccepted;
}
