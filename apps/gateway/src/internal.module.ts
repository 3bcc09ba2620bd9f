import { Module, type DynamicModule } from '@nestjs/common';

import type { onRequestHookHandler } from 'fastify';

import { HealthModule, MessagingModule, OriginForeignError } from '@tidemark/nest';
import type { Registry } from '@tidemark/platform';

import { AttemptsController } from './attempts/attempts.controller.js';
import { EndedJobsController } from './attempts/ended-jobs.controller.js';
import { ReportsController } from './queues/reports.controller.js';
import { RequestsController } from './queues/requests.controller.js';
import { PARTS, type GatewayParts } from './tokens.js';

/** Reports handled at the same time; each is a statement or two. */
const REPORTS = { concurrency: 4, prefetch: 16 };
const REQUESTS = { concurrency: 2 };

/** The internal port and the queues: everything that workers say, and what is asked for by message. */
@Module({})
export class InternalModule {
  static register(parts: GatewayParts, metrics: Registry): DynamicModule {
    return {
      module: InternalModule,
      imports: [
        HealthModule.register({ metrics, log: parts.log, checks: {} }),
        MessagingModule.register(parts.messaging, { 'tidemark.reports': REPORTS, 'tidemark.requests': REQUESTS }),
      ],
      controllers: [AttemptsController, EndedJobsController, ReportsController, RequestsController],
      providers: [{ provide: PARTS, useValue: parts }],
    };
  }
}

/** No worker is a web page; a browser names its page with every call that could change anything. */
export const refusePages: onRequestHookHandler = ({ headers: { origin } }, _reply, done) => {
  done(origin === undefined ? undefined : new OriginForeignError(origin));
};
