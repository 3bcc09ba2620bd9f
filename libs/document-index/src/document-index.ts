import type {
  BulkResult,
  IndexFigures,
  SwitchAnswer,
  SwitchRequest,
  UndoAnswer,
  UndoRequest,
} from '@tidemark/contracts';
import { Slots, type Logger } from '@tidemark/platform';

import { openCatalog } from './catalog/catalog.js';
import { openConnections } from './postgres/connections.js';
import { DocumentReader } from './read/document-reader.js';
import { readIndexFigures } from './read/index-figures.js';
import { Snapshots } from './snapshot/snapshots.js';
import { StagedGenerations } from './stage/staged-generations.js';
import { dropGenerations } from './switch/drop-generations.js';
import { switchGeneration } from './switch/switch-generation.js';
import { undoSwitch } from './switch/undo-switch.js';
import { bulkWrite } from './write/bulk-write.js';
import { writeDocument, type WriteRequest, type WriteResult } from './write/write-document.js';

/** The versioned index of one database, opened by one process. Several processes may open the same one. */
export interface DocumentIndex {
  readonly reader: DocumentReader;
  readonly snapshots: Snapshots;
  readonly staged: StagedGenerations;
  write(request: WriteRequest): Promise<WriteResult>;
  /** As `bulkWrite`: NDJSON in, batches of one transaction and one stamp each. Further ones wait for their turn. */
  writeLines(source: AsyncIterable<Buffer>, signal?: AbortSignal): Promise<BulkResult>;
  switch(request: SwitchRequest): Promise<SwitchAnswer>;
  undoSwitch(request: UndoRequest): Promise<UndoAnswer>;
  figures(): Promise<IndexFigures>;
  /** Drops what no one needs any more; returns how many generations. */
  sweep(): Promise<number>;
  /** Throws where the database cannot be asked. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface DocumentIndexOptions {
  readonly databaseUrl: string;
  readonly parallelism: number;
  readonly log: Logger;
  /** How long an abandoned snapshot or staged generation is held open. */
  readonly idleMillis?: number;
  /** Bound of one statement of a writer and of its pauses, so that a switch or a snapshot never waits long for it. */
  readonly writeMillis?: number;
}

const INDEX_NAME = 'document-index';
const WRITE_MILLIS = 3000;
/** At once, on however many cores: each holds up to two batches in memory. */
const BULK_WRITES = 2;

export async function openDocumentIndex(options: DocumentIndexOptions): Promise<DocumentIndex> {
  const { databaseUrl, parallelism, log, writeMillis = WRITE_MILLIS } = options;
  const catalog = await openCatalog(databaseUrl, INDEX_NAME);
  const { indexId } = catalog;
  const connections = openConnections({ url: databaseUrl, parallelism, log, writeMillis });
  const readers = { pool: connections.readers, indexId };
  const writers = { pool: connections.writers, indexId, writeMillis };
  const sessions = { pool: connections.sessions, indexId };
  const sessionOptions = {
    indexId,
    parallelism,
    log,
    ...(options.idleMillis ? { idleMillis: options.idleMillis } : {}),
  };
  const bulkSlots = new Slots(Math.min(parallelism, BULK_WRITES));
  const reader = new DocumentReader(readers);
  const snapshots = new Snapshots(connections, sessionOptions);
  const staged = new StagedGenerations(connections, sessionOptions);
  return {
    reader,
    snapshots,
    staged,
    write: (request) => writeDocument(writers, request),
    writeLines: (source, signal) => bulkSlots.run(() => bulkWrite(writers, source, signal), signal),
    switch: (request) => switchGeneration(sessions, request),
    undoSwitch: (request) => undoSwitch(sessions, request),
    figures: () => readIndexFigures(readers),
    sweep: () => dropGenerations({ pool: connections.sessions, catalog, log }),
    ping: async () => {
      await reader.pointer();
    },
    close: async () => {
      await Promise.all([snapshots.closeAll(), staged.closeAll()]);
      await connections.close();
      await catalog.close();
    },
  };
}
