import { Module, type DynamicModule } from '@nestjs/common';

import { HealthModule } from '@tidemark/nest';
import type { Registry } from '@tidemark/platform';

import { DeadLettersController } from './dead-letters/dead-letters.controller.js';
import { DocsController } from './docs/docs.controller.js';
import { DocumentIndexController, DocumentsController } from './documents/documents.controller.js';
import { JobsController } from './jobs/jobs.controller.js';
import { ManagementController } from './management/management.controller.js';
import { feedProblems } from './management/management-status.js';
import { PARTS, type GatewayParts } from './tokens.js';

export const PUBLIC_CONTROLLERS = [
  ManagementController,
  JobsController,
  DeadLettersController,
  DocsController,
  DocumentIndexController,
  DocumentsController,
];

/** The public port. */
@Module({})
export class GatewayModule {
  static register(parts: GatewayParts, metrics: Registry): DynamicModule {
    const checks = { database: () => databaseProblems(parts), messaging: () => parts.messaging.problems() };
    return {
      module: GatewayModule,
      imports: [HealthModule.register({ metrics, log: parts.log, checks })],
      controllers: PUBLIC_CONTROLLERS,
      providers: [{ provide: PARTS, useValue: parts }],
    };
  }
}

/** Asks for something small: that it is answered is the answer. */
async function databaseProblems(parts: GatewayParts): Promise<readonly string[]> {
  await parts.jobs.list({ limit: 1 });
  return feedProblems(parts);
}
