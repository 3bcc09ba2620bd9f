import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';

import { Controller, Get, Module } from '@nestjs/common';
import { beforeEach, describe, expect, test } from '@jest/globals';

import { createMessaging, InProcessBroker } from '@tidemark/messaging';
import { Registry, silentLogger, systemClock } from '@tidemark/platform';

import { exchange, startTestServer } from '../test-support.test.js';
import { MessagingModule, startQueues } from '../queues/messaging-module.js';
import { OnQueue } from '../queues/on-queue.js';
import { createHttpApplication } from './http-application.js';
import { listen } from './listen.js';

let entered = Promise.withResolvers<unknown>();
let release = Promise.withResolvers<unknown>();

@Controller()
class Slow {
  @Get('slow')
  async slow(): Promise<object> {
    entered.resolve(undefined);
    await release.promise;
    return { done: true };
  }

  @Get('quick')
  quick(): object {
    return {};
  }

  @OnQueue('tidemark.jobs.restore')
  onRestore(): Promise<object> {
    return this.slow();
  }
}

@Module({})
class Empty {}

beforeEach(() => {
  entered = Promise.withResolvers();
  release = Promise.withResolvers();
});

describe('a server that closes', () => {
  test('finishes the request under way, takes no new one, and keeps no connection', async () => {
    const server = await startTestServer(Slow);
    const agent = new Agent({ keepAlive: true });
    const request = httpRequest({ host: '127.0.0.1', port: server.port, path: '/slow', agent }).end();
    await entered.promise;
    const closed = server.close();
    while (server.app.getHttpServer().listening) await setImmediate();
    await expect(exchange(server.port, { path: '/slow' })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    release.resolve(undefined);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(await text(response)).toBe('{"done":true}');
    expect(response.headers.connection).toBe('close');
    await closed;
  });

  test('cuts what is not finished within its bound', async () => {
    const server = await startTestServer(Slow, { limits: { drainMillis: 50 } });
    const asking = exchange(server.port, { path: '/slow' });
    await entered.promise;
    const [outcome] = await Promise.allSettled([asking, server.close()]);
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ECONNRESET' } });
    release.resolve(undefined);
  });

  test('does not wait for a connection that asks nothing', async () => {
    const server = await startTestServer(Slow);
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write('GET /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await once(socket, 'data');
    await server.close();
    socket.destroy();
  });
});

test('an application that closes takes no work off queues before it stops to answer', async () => {
  const messaging = createMessaging(new InProcessBroker().connect(), { log: silentLogger, clock: systemClock });
  const module = { module: Empty, imports: [MessagingModule.register(messaging)], controllers: [Slow] };
  const app = await createHttpApplication(module, { log: silentLogger, metrics: new Registry() });
  const port = Number(new URL(await listen(app, { host: '127.0.0.1', port: 0, setting: 'PORT' })).port);
  await startQueues(app);
  await messaging.publish('restoreDoorbell', { jobId: '01990000-0000-7000-8000-000000000001' });
  await entered.promise;
  const closed = app.close();
  expect((await exchange(port, { path: '/quick' })).status).toBe(200);
  release.resolve(undefined);
  await closed;
  await expect(exchange(port, { path: '/quick' })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await messaging.close();
});

test('a port that is in use is told with the setting that changes it', async () => {
  const server = await startTestServer(Slow);
  const other = await createHttpApplication(Empty, { log: silentLogger, metrics: new Registry() });
  const listening = listen(other, { host: '127.0.0.1', port: server.port, setting: 'TIDEMARK_INTERNAL_PORT' });
  const next = server.port + 1;
  await expect(listening).rejects.toThrow(`port ${server.port} is in use; start with TIDEMARK_INTERNAL_PORT=${next}`);
  await other.close();
  await server.close();
});
