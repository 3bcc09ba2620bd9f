import { Module, type DynamicModule } from '@nestjs/common';

import { HealthModule } from '@tidemark/nest';
import type { Logger, Registry } from '@tidemark/platform';

import { ArchivesController } from './archives/archives.controller.js';
import type { DepotFigures } from './figures.js';
import { STORE, type Store } from './store/store.js';
import { FIGURES } from './tokens.js';

export interface ArchiveDepotModuleParts {
  readonly store: Store;
  readonly figures: DepotFigures;
  readonly metrics: Registry;
  readonly log: Logger;
}

@Module({})
export class ArchiveDepotModule {
  static register({ store, figures, metrics, log }: ArchiveDepotModuleParts): DynamicModule {
    return {
      module: ArchiveDepotModule,
      imports: [HealthModule.register({ metrics, log, checks: { folder: () => problemsOf(store) } })],
      controllers: [ArchivesController],
      providers: [
        { provide: STORE, useValue: store },
        { provide: FIGURES, useValue: figures },
      ],
    };
  }
}

async function problemsOf({ folder }: Store): Promise<readonly string[]> {
  return (await folder.freeBytes()) > 0 ? [] : ['the disk of the archives has no room left'];
}
