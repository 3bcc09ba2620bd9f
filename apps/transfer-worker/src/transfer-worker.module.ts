import { Module, type DynamicModule } from '@nestjs/common';

import type { Steps } from '@tidemark/contracts';
import type { Messaging } from '@tidemark/messaging';
import { HealthModule, MessagingModule } from '@tidemark/nest';
import type { Logger, Registry } from '@tidemark/platform';

import type { JobRunner } from './attempt/job-runner.js';
import { DoorbellsController } from './doorbells.controller.js';
import { JOB_RUNNER, JOB_STEPS } from './tokens.js';

export interface TransferWorkerParts {
  readonly messaging: Messaging;
  readonly runner: JobRunner;
  readonly steps: Steps;
  readonly metrics: Registry;
  readonly log: Logger;
}

@Module({})
export class TransferWorkerModule {
  static register({ messaging, runner, steps, metrics, log }: TransferWorkerParts): DynamicModule {
    return {
      module: TransferWorkerModule,
      imports: [
        MessagingModule.register(messaging),
        HealthModule.register({ metrics, log, checks: { queues: () => messaging.problems() } }),
      ],
      controllers: [DoorbellsController],
      providers: [
        { provide: JOB_RUNNER, useValue: runner },
        { provide: JOB_STEPS, useValue: steps },
      ],
    };
  }
}
