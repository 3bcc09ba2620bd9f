import { Module, type DynamicModule, type INestApplication } from '@nestjs/common';

import type { Messaging } from '@tidemark/messaging';

import { QueueServer, type QueueOptions } from './queue-server.js';

/** Token of the process's {@link Messaging}: publishing needs nothing of Nest, so there is no client proxy. */
export const MESSAGING = Symbol('Messaging');

/** Gives every module `MESSAGING` to publish with and `QueueServer` to pause queues with. */
@Module({})
export class MessagingModule {
  static register(messaging: Messaging, queues: QueueOptions = {}): DynamicModule {
    const providers = [
      { provide: MESSAGING, useValue: messaging },
      { provide: QueueServer, useValue: new QueueServer(messaging, queues) },
    ];
    return { module: MessagingModule, global: true, providers, exports: providers };
  }
}

/** Subscribes the `@OnQueue` methods of an application that has a `MessagingModule`; `app.close()` ends them first. */
export async function startQueues(app: INestApplication): Promise<void> {
  app.connectMicroservice({ strategy: app.get(QueueServer) }, { inheritAppConfig: true });
  await app.startAllMicroservices();
}
