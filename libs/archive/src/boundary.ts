import { BoundaryBeforeHistoryError } from './errors.js';
import type { Manifest } from './format/manifest-schema.js';

/** What a restore to a moment reads. */
export interface BoundaryPlan {
  /** The state that the restore brings back: as of this moment. */
  readonly effectiveBoundaryMicros: number;
  /** Places, from 0, of the parts that may hold a version up to that moment. */
  readonly parts: readonly number[];
  readonly partsSkipped: number;
  /** Sentences for the person who asked. */
  readonly warnings: readonly string[];
}

/**
 * The parts that the state at a boundary needs; without a boundary, all of them. Throws BOUNDARY_BEFORE_HISTORY when
 * an archive that has versions would give an empty index. Trusts the stamps in the manifest, which are checked with
 * the rows of every part that is read.
 */
export function partsFor(manifest: Manifest, boundaryMicros?: number): BoundaryPlan {
  const { closedTimeMicros } = manifest.snapshot;
  const earliest = manifest.history.earliestUpdateTimeMicros;
  if (boundaryMicros !== undefined && earliest !== null && boundaryMicros < earliest) {
    throw new BoundaryBeforeHistoryError(boundaryMicros, earliest);
  }
  const effectiveBoundaryMicros = Math.min(boundaryMicros ?? closedTimeMicros, closedTimeMicros);
  const parts = [...manifest.parts.keys()].filter(
    (index) => (manifest.parts[index]?.minUpdateTimeMicros ?? 0) <= effectiveBoundaryMicros,
  );
  return {
    effectiveBoundaryMicros,
    parts,
    partsSkipped: manifest.parts.length - parts.length,
    warnings: (boundaryMicros ?? 0) > closedTimeMicros ? [beyond(boundaryMicros, closedTimeMicros)] : [],
  };
}

function beyond(boundaryMicros: number | undefined, closedTimeMicros: number): string {
  return `the boundary ${boundaryMicros ?? ''} is after the archive's closed time: it was restored to ${closedTimeMicros}, the last moment that the archive knows`;
}
