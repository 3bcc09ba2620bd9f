import { z } from 'zod';

/** Bodies and trailers between a transfer-worker and an index-service about a snapshot. */

const micros = z.int().nonnegative();
const count = z.int().nonnegative();

export const openSnapshotRequestSchema = z.object({ jobId: z.uuid(), fence: z.int().positive() });
export type OpenSnapshotRequest = z.infer<typeof openSnapshotRequestSchema>;

/** Places in a table, `page` or `page.item`; `to` is exclusive, null is the end of the table. */
export const rangeSchema = z.object({
  from: z.string().regex(/^\d+(\.\d+)?$/),
  to: z.string().regex(/^\d+$/).nullable(),
});
export type Range = z.infer<typeof rangeSchema>;

export const columnSchema = z.object({ name: z.string(), type: z.string() });
export type Column = z.infer<typeof columnSchema>;

/** An opened snapshot. Ranges are only the plan: a part ends at a byte limit and its answer says where to go on. */
export const snapshotSchema = z.object({
  /** Absolute URL of the session, at the very replica that holds the snapshot. */
  session: z.url(),
  generation: count,
  /** Identifies the database the generation lives in. */
  system: z.string(),
  /** Every committed transaction up to this stamp is in the snapshot, and nothing later. */
  closedTimeMicros: micros,
  pgSnapshot: z.string(),
  serverVersion: z.string(),
  columns: z.array(columnSchema),
  ranges: z.array(rangeSchema),
  /** The planner's estimate, for progress only. */
  versionsEstimate: count,
});
export type Snapshot = z.infer<typeof snapshotSchema>;

/** Exact counts over the whole snapshot. */
export const snapshotTotalsSchema = z.object({ documents: count });
export type SnapshotTotals = z.infer<typeof snapshotTotalsSchema>;

/**
 * What one part is, sent as HTTP trailers after its bytes (a part without them is broken) and, on the way back in,
 * as request headers before them. Numbers are decimal; `sha256` is of the compressed bytes.
 */
export const PART_HEADERS = {
  rows: 'x-part-rows',
  bytes: 'x-part-bytes',
  rawBytes: 'x-part-raw-bytes',
  sha256: 'x-part-sha256',
  minUpdateTimeMicros: 'x-part-min-micros',
  maxUpdateTimeMicros: 'x-part-max-micros',
  /** Only on the way out: where the next part of the same range starts; empty at the end of the range. */
  next: 'x-part-next',
} as const;

export const partFactsSchema = z.object({
  rows: count,
  bytes: count,
  rawBytes: count,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Of a part without rows, 0. */
  minUpdateTimeMicros: micros,
  maxUpdateTimeMicros: micros,
});
export type PartFacts = z.infer<typeof partFactsSchema>;

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

export function partFactsToHeaders(facts: PartFacts): Record<string, string> {
  return {
    [PART_HEADERS.rows]: String(facts.rows),
    [PART_HEADERS.bytes]: String(facts.bytes),
    [PART_HEADERS.rawBytes]: String(facts.rawBytes),
    [PART_HEADERS.sha256]: facts.sha256,
    [PART_HEADERS.minUpdateTimeMicros]: String(facts.minUpdateTimeMicros),
    [PART_HEADERS.maxUpdateTimeMicros]: String(facts.maxUpdateTimeMicros),
  };
}

/** The facts in headers or trailers; undefined when one is missing or not of its form. */
export function partFactsFromHeaders(headers: Headers): PartFacts | undefined {
  const number = (name: string): number =>
    Number(headers[name] === undefined || headers[name] === '' ? NaN : headers[name]);
  const parsed = partFactsSchema.safeParse({
    rows: number(PART_HEADERS.rows),
    bytes: number(PART_HEADERS.bytes),
    rawBytes: number(PART_HEADERS.rawBytes),
    sha256: headers[PART_HEADERS.sha256],
    minUpdateTimeMicros: number(PART_HEADERS.minUpdateTimeMicros),
    maxUpdateTimeMicros: number(PART_HEADERS.maxUpdateTimeMicros),
  });
  return parsed.success ? parsed.data : undefined;
}
