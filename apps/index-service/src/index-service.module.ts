import { Module, type DynamicModule } from '@nestjs/common';

import type { Steps } from '@tidemark/contracts';
import type { DocumentIndex } from '@tidemark/document-index';
import { HealthModule } from '@tidemark/nest';
import type { Logger, Registry } from '@tidemark/platform';

import { DocumentIndexController } from './documents/document-index.controller.js';
import { DocumentsController } from './documents/documents.controller.js';
import { SnapshotsController } from './snapshots/snapshots.controller.js';
import { StagedGenerationsController } from './staging/staged-generations.controller.js';
import { SwitchController } from './staging/switch.controller.js';
import { DOCUMENT_INDEX, JOB_STEPS, SESSION_SETTINGS, type SessionSettings } from './tokens.js';

export interface IndexServiceParts {
  readonly index: DocumentIndex;
  readonly sessions: SessionSettings;
  readonly steps: Steps;
  readonly metrics: Registry;
  readonly log: Logger;
}

@Module({})
export class IndexServiceModule {
  static register({ index, sessions, steps, metrics, log }: IndexServiceParts): DynamicModule {
    return {
      module: IndexServiceModule,
      imports: [HealthModule.register({ metrics, log, checks: { database: () => answers(index) } })],
      controllers: [
        DocumentsController,
        DocumentIndexController,
        SnapshotsController,
        StagedGenerationsController,
        SwitchController,
      ],
      providers: [
        { provide: DOCUMENT_INDEX, useValue: index },
        { provide: SESSION_SETTINGS, useValue: sessions },
        { provide: JOB_STEPS, useValue: steps },
      ],
    };
  }
}

async function answers(index: DocumentIndex): Promise<readonly string[]> {
  await index.ping();
  return [];
}
