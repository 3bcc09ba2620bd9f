import { partFactsSchema, type Column } from '@tidemark/contracts';
import { z } from 'zod';

import { COLUMNS } from './columns.js';
import { MAX_PARTS } from './limits.js';

export const FORMAT = 'tidemark-archive';
export const FORMAT_VERSION = 1;

const micros = z.int().nonnegative();
const count = z.int().nonnegative();
const text = z.string().max(1024);

/** One part as the manifest lists it; `sha256` and `bytes` are of the compressed bytes. */
export const manifestPartSchema = z.strictObject({ name: text, ...partFactsSchema.shape });
export type ManifestPart = z.infer<typeof manifestPartSchema>;

/** What the manifest says about where the rows come from. */
const archiveHeaderSchema = z.strictObject({
  /** What wrote the archive. */
  product: z.strictObject({ name: text, version: text }),
  /** What it was taken from; `system` identifies the database that the generation lived in. */
  index: z.strictObject({ name: text, generation: count, system: text }),
  /** Everything with a stamp up to `closedTimeMicros` is in the archive, and nothing later. */
  snapshot: z.strictObject({ closedTimeMicros: micros, pgSnapshot: text, serverVersion: text }),
});
export type ArchiveHeader = z.infer<typeof archiveHeaderSchema>;

/** The fields of `manifest.json`, format version 1, each by itself; FORMAT.md describes them. */
export const manifestFieldsSchema = z.strictObject({
  format: z.literal(FORMAT),
  formatVersion: z.literal(FORMAT_VERSION),
  createdAtMicros: micros,
  ...archiveHeaderSchema.shape,
  /** Compared as a whole: of many wrong ones no list is made. */
  columns: z.custom<Column[]>(isColumns, 'not the columns of this format version'),
  totals: z.strictObject({ documents: count, versions: count, bytes: count }),
  history: z.strictObject({
    earliestUpdateTimeMicros: micros.nullable(),
    latestUpdateTimeMicros: micros.nullable(),
  }),
  parts: z.array(manifestPartSchema).max(MAX_PARTS),
  compression: z.literal('zstd'),
  base: z.null(),
});
export type Manifest = z.infer<typeof manifestFieldsSchema>;

function isColumns(value: unknown): boolean {
  return JSON.stringify(value) === JSON.stringify(COLUMNS);
}
