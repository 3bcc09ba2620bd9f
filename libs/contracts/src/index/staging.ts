import { z } from 'zod';

import { errorBodySchema } from '../errors/error-body.js';

/** Bodies about staged generations: between a transfer-worker (or, for the switch, the gateway) and an index-service. */

const micros = z.int().nonnegative();
const count = z.int().nonnegative();

export const openStagedRequestSchema = z.object({
  jobId: z.uuid(),
  fence: z.int().positive(),
  archive: z.object({
    /** SHA-256 of the manifest: a staged generation is only continued from the very same archive. */
    manifestSha256: z.string(),
    system: z.string(),
    generation: count,
    closedTimeMicros: micros,
    documents: count,
    versions: count,
    earliestUpdateTimeMicros: micros.nullable(),
    latestUpdateTimeMicros: micros.nullable(),
  }),
  /** Rows with a later stamp are left out; null loads everything. */
  boundaryMicros: micros.nullable(),
});
export type OpenStagedRequest = z.infer<typeof openStagedRequestSchema>;

export const stagedGenerationSchema = z.object({
  session: z.url(),
  generation: count,
  /** The live generation at this moment: the switch is refused if it is another one by then. */
  expectedLive: count,
  /** Numbers of the parts that an earlier attempt has loaded already. */
  loadedParts: z.array(count),
});
export type StagedGeneration = z.infer<typeof stagedGenerationSchema>;

export const loadedPartSchema = z.object({
  /** Rows of the part that the boundary let in. */
  rowsLoaded: count,
  /** True when the part had been loaded before: nothing was done. */
  repeated: z.boolean(),
});
export type LoadedPart = z.infer<typeof loadedPartSchema>;

export const buildStatusSchema = z.discriminatedUnion('state', [
  z.object({ state: z.literal('RUNNING'), step: z.string() }),
  z.object({
    state: z.literal('DONE'),
    documents: count,
    versions: count,
    latestUpdateTimeMicros: micros.nullable(),
  }),
  z.object({ state: z.literal('FAILED'), error: errorBodySchema }),
]);
export type BuildStatus = z.infer<typeof buildStatusSchema>;

export const switchRequestSchema = z.object({ jobId: z.uuid(), generation: count, expectedLive: count });
export type SwitchRequest = z.infer<typeof switchRequestSchema>;

/** Decided once for each job; asked again, the same answer. */
export const switchAnswerSchema = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('SWITCHED'),
    generation: count,
    previousGeneration: count.nullable(),
    versionsLeftBehind: count,
  }),
  z.object({ outcome: z.literal('REFUSED'), live: count, expectedLive: count }),
]);
export type SwitchAnswer = z.infer<typeof switchAnswerSchema>;

/**
 * Which of a restore's two generations shall be the live one; the other stays as the previous. It names the wanted state,
 * so asking again changes nothing.
 */
export const undoRequestSchema = z.object({ wantedLive: count, wantedPrevious: count });
export type UndoRequest = z.infer<typeof undoRequestSchema>;

export const undoAnswerSchema = z.discriminatedUnion('outcome', [
  /**
   * `versionsLeftBehind` are those of the previous generation that the live one does not have; `floorMicros` is that of
   * the index's stamps, which rises whenever generations change places: the answer with the higher one is the later one.
   */
  z.object({ outcome: z.literal('SWITCHED'), versionsLeftBehind: count, floorMicros: count }),
  /** Other generations are in service by now. */
  z.object({ outcome: z.literal('REFUSED'), live: count, previous: count.nullable() }),
]);
export type UndoAnswer = z.infer<typeof undoAnswerSchema>;

/** Figures of the index for `GET /core/management`. */
export const indexFiguresSchema = z.object({
  liveGeneration: count,
  previousGeneration: count.nullable(),
  /** From the database's statistics; deleted documents count. */
  documentsEstimate: count,
  versionsEstimate: count,
  bytes: count,
  stampFloorMicros: micros,
});
export type IndexFigures = z.infer<typeof indexFiguresSchema>;
