import type { Range } from '@tidemark/contracts';

/** An archive has room for as many parts again, and more: ranges with more rows than fit a part give several. */
const MAX_RANGES = 8000;
const PARTS_OF_ONE_SIZE = 500;
/** Half of what a part may have. */
const MAX_PART_BYTES = 512 * 1024 * 1024;
const PAGE_BYTES = 8192;

/** A table as it lies on disk; `toastBytes` are of values that do not fit its pages. */
export interface TableSize {
  readonly pages: number;
  readonly toastBytes: number;
}

/** Pages of the versions table in pieces of about `partBytes`; the last one is open-ended. */
export function planRanges({ pages, toastBytes }: TableSize, partBytes: number): Range[] {
  const pageBytes = PAGE_BYTES + toastBytes / Math.max(1, pages);
  const perRange = Math.max(1, Math.floor(partBytes / pageBytes), Math.ceil(pages / MAX_RANGES));
  const count = Math.max(1, Math.ceil(pages / perRange));
  return Array.from({ length: count }, (_, n) => ({
    from: String(n * perRange),
    to: n === count - 1 ? null : String((n + 1) * perRange),
  }));
}

/**
 * Bytes of rows at which the next part is cut, after so many: doubled with each 500 of them. So an index of any size
 * fits the parts that an archive may have, and one of some gigabytes has parts of the size that was set.
 */
export function partBytesAfter(parts: number, partBytes: number): number {
  return Math.min(partBytes * 2 ** Math.floor(parts / PARTS_OF_ONE_SIZE), MAX_PART_BYTES);
}
