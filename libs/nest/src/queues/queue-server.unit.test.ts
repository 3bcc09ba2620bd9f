import { Controller, Inject, Module, type Type } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  createMessaging,
  InProcessBroker,
  type MessageMeta,
  type MessageOn,
  type Messaging,
} from '@tidemark/messaging';
import { Registry, silentLogger, systemClock } from '@tidemark/platform';
import { of, throwError, type Observable } from 'rxjs';

import { createHttpApplication } from '../http/http-application.js';
import { recordingLogger, type LogLine } from '../test-support.test.js';
import { MESSAGING, MessagingModule, startQueues } from './messaging-module.js';
import { OnQueue } from './on-queue.js';
import { QueueServer } from './queue-server.js';

const JOB = '01990000-0000-7000-8000-000000000001';

type Doorbell = MessageOn<'tidemark.jobs.backup'>;
let rung: { message: Doorbell; meta: MessageMeta }[];
let onRing: (message: Doorbell) => unknown;
let next: PromiseWithResolvers<unknown>;

@Controller()
class Worker {
  constructor(
    @Inject(MESSAGING) private readonly messaging: Messaging,
    @Inject(QueueServer) private readonly queues: QueueServer,
  ) {}

  @OnQueue('tidemark.jobs.backup')
  async ring(@Payload() message: Doorbell, @Ctx() meta: MessageMeta): Promise<unknown> {
    rung.push({ message, meta });
    try {
      return await onRing(message);
    } finally {
      next.resolve(undefined);
    }
  }

  @OnQueue('tidemark.jobs.restore')
  observable(@Payload() { body }: MessageOn<'tidemark.jobs.restore'>): Observable<unknown> {
    return body.jobId === JOB ? throwError(() => new Error('no restore today')) : of(1, 2);
  }

  /** A worker that is at capacity after each message, until it settles. */
  async atCapacity(): Promise<void> {
    await this.queues.subscription('tidemark.jobs.backup').pause();
    await this.messaging.publish('backupDoorbell', { jobId: JOB });
  }
}

describe('a Nest application on queues', () => {
  let outside: Messaging;
  let messaging: Messaging;
  let app: NestFastifyApplication;
  let logged: LogLine[];

  beforeEach(async () => {
    rung = [];
    logged = [];
    onRing = () => undefined;
    next = Promise.withResolvers();
    const broker = new InProcessBroker();
    outside = createMessaging(broker.connect(), { log: silentLogger, clock: systemClock });
    messaging = createMessaging(broker.connect(), { log: silentLogger, clock: systemClock, drainMillis: 5000 });
    app = await startApp(Worker);
  });
  afterEach(async () => {
    await app.close();
    await Promise.all([outside.close(), messaging.close()]);
  });

  const startApp = async (controller: Type): Promise<NestFastifyApplication> => {
    @Module({})
    class Service {}
    const module = { module: Service, imports: [MessagingModule.register(messaging)], controllers: [controller] };
    const created = await createHttpApplication(module, { log: recordingLogger(logged), metrics: new Registry() });
    await startQueues(created);
    return created;
  };

  test('a handler gets the message and what is known about it', async () => {
    await outside.publish('backupDoorbell', { jobId: JOB }, { messageId: 'm' });
    await next.promise;
    expect(rung).toMatchObject([
      { message: { route: 'backupDoorbell', body: { jobId: JOB } }, meta: { messageId: 'm', redelivered: false } },
    ]);
  });

  test('a handler that throws makes a dead letter with its own words', async () => {
    onRing = () => Promise.reject(new Error('the claim went wrong'));
    await outside.publish('backupDoorbell', { jobId: JOB });
    expect(await deadReasons(1)).toEqual(['the claim went wrong']);
    expect(logged.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('an observable that fails makes a dead letter too, one that completes does not', async () => {
    await outside.publish('restoreDoorbell', { jobId: JOB.replace('1', '2') });
    await outside.publish('restoreDoorbell', { jobId: JOB });
    expect(await deadReasons(1)).toEqual(['no restore today']);
  });

  test('a queue can be paused from within and resumed', async () => {
    await app.get(Worker).atCapacity();
    expect(rung).toEqual([]);
    await app.get(QueueServer).subscription('tidemark.jobs.backup').resume();
    await next.promise;
    expect(rung).toHaveLength(1);
    expect(() => app.get(QueueServer).subscription('tidemark.reports')).toThrow('nothing here is subscribed');
  });

  test('closing waits for the handler that runs, and takes nothing more', async () => {
    const held = Promise.withResolvers<unknown>();
    const entered = Promise.withResolvers<unknown>();
    onRing = async () => {
      entered.resolve(undefined);
      await held.promise;
    };
    await outside.publish('backupDoorbell', { jobId: JOB });
    await entered.promise;
    const closed = app.close();
    await outside.publish('backupDoorbell', { jobId: JOB });
    held.resolve(undefined);
    await closed;
    expect(rung).toHaveLength(1);
    const left = Promise.withResolvers<MessageMeta>();
    outside.subscribe('tidemark.jobs.backup', (_, meta) => {
      left.resolve(meta);
      return Promise.resolve();
    });
    expect((await left.promise).redelivered).toBe(false);
  });

  test('a handler of a queue that is not there keeps the application from starting', async () => {
    await expect(startApp(OfNoQueue)).rejects.toThrow('@EventPattern("tidemark.nothing") names no queue');
  });

  test('a handler that would answer by itself keeps the application from starting', async () => {
    await expect(startApp(Answering)).rejects.toThrow('the handler of tidemark.reports must be an @EventPattern');
  });

  async function deadReasons(count: number): Promise<string[]> {
    for (let looks = 0; looks < 1000; looks++) {
      const letters = await outside.deadLetters(10);
      if (letters.length >= count) return letters.map(({ reason }) => reason);
      await new Promise((resolve) => setImmediate(resolve));
    }
    throw new Error('no dead letters');
  }
});

@Controller()
class OfNoQueue {
  @EventPattern(['tidemark.nothing'])
  handle(): void {
    // never called
  }
}

@Controller()
class Answering {
  @MessagePattern('tidemark.reports')
  handle(): number {
    return 1;
  }
}
