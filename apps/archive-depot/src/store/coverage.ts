import type { Slice } from '../ranges/range.js';

/** Which bytes of a file have come: slices in order that neither overlap nor touch. Never changes; adding makes another. */
export class Coverage {
  static readonly NONE = new Coverage([]);

  private constructor(readonly slices: readonly Slice[]) {}

  static of(slices: Iterable<Slice>): Coverage {
    const merged: Slice[] = [];
    for (const slice of [...slices].sort((a, b) => a.start - b.start)) {
      const last = merged.at(-1);
      if (last && slice.start <= last.end) {
        merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, slice.end) };
      } else if (slice.start < slice.end) merged.push(slice);
    }
    return new Coverage(merged);
  }

  with(slices: readonly Slice[]): Coverage {
    return Coverage.of([...this.slices, ...slices]);
  }

  get bytes(): number {
    return this.slices.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  isWhole(total: number): boolean {
    return total === this.bytes;
  }

  /** Whether a byte has come, and up to where (exclusive) it is the same for those that follow. */
  at(position: number): { readonly covered: boolean; readonly until: number } {
    const next = this.slices.find(({ end }) => position < end);
    if (!next) return { covered: false, until: Infinity };
    return position < next.start ? { covered: false, until: next.start } : { covered: true, until: next.end };
  }
}
