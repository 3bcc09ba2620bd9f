import { EntitySchema, type ValueTransformer } from 'typeorm';

type GenerationPhase = 'STAGED' | 'BUILT' | 'IN_SERVICE' | 'DROPPING';

/** A row of `catalog.generation`. */
export interface GenerationRecord {
  id: number;
  indexId: number;
  layout: number;
  /** IN_SERVICE is live or previous: the pointers of the index say which. */
  phase: GenerationPhase;
  /** The restore that it is staged for. */
  jobId: string | null;
  fence: number | null;
  manifestSha256: string | null;
  boundaryMicros: number | null;
  /** Up to which its history is known: no later write may lie before that. */
  closedTimeMicros: number | null;
  expectedLive: number | null;
  documents: number | null;
  versions: number | null;
  latestUpdateTimeMicros: number | null;
  /** When an attempt last opened it. */
  openedAt: Date;
}

const exact: ValueTransformer = {
  from: (value: string | null) => (value === null ? null : Number(value)),
  to: (value: number | null) => value,
};
const bigint = { type: 'bigint', transformer: exact, nullable: true } as const;

export const generationSchema = new EntitySchema<GenerationRecord>({
  name: 'generation',
  schema: 'catalog',
  tableName: 'generation',
  columns: {
    id: { ...bigint, nullable: false, primary: true, generated: true },
    indexId: { type: 'int', name: 'index_id' },
    layout: { type: 'int' },
    phase: { type: 'text' },
    jobId: { type: 'uuid', name: 'job_id', nullable: true },
    fence: bigint,
    manifestSha256: { type: 'text', name: 'manifest_sha256', nullable: true },
    boundaryMicros: { ...bigint, name: 'boundary_micros' },
    closedTimeMicros: { ...bigint, name: 'closed_time_micros' },
    expectedLive: { ...bigint, name: 'expected_live' },
    documents: bigint,
    versions: bigint,
    latestUpdateTimeMicros: { ...bigint, name: 'latest_update_time_micros' },
    openedAt: { type: 'timestamptz', name: 'opened_at', createDate: true },
  },
});
