/** Of a file; the end is exclusive. */
export interface Slice {
  readonly start: number;
  readonly end: number;
}

/** How a caller writes the last byte of a range: as RFC 9110 does, or one behind it, as the ancestor does. */
export type Dialect = 'INCLUSIVE' | 'EXCLUSIVE';

const ONE_RANGE = /^bytes[ \t]*=[ \t]*(?:(\d+)[ \t]*)?-[ \t]*(?:(\d+)[ \t]*)?$/i;

/** The ancestor names itself in its requests. */
export function dialectOf(userAgent: string | undefined): Dialect {
  return userAgent?.startsWith('ServiceHost/') ? 'EXCLUSIVE' : 'INCLUSIVE';
}

/**
 * What a Range header asks for. WHOLE where there is none, where it is not understood and where it names several ranges;
 * UNSATISFIABLE where no byte of it is there.
 */
export function parseRange(
  header: string | undefined,
  total: number,
  dialect: Dialect = 'INCLUSIVE',
): Slice | 'WHOLE' | 'UNSATISFIABLE' {
  const [, first = '', last = ''] = ONE_RANGE.exec(header ?? '') ?? [];
  if (first === '' && last === '') return 'WHOLE';
  if (first === '') return sliceOf(Math.max(0, total - Number(last)), total);
  const start = Number(first);
  if (last === '') return sliceOf(start, total);
  if (isBefore(last, first)) return 'WHOLE';
  const end = dialect === 'EXCLUSIVE' ? Number(last) : Number(last) + 1;
  return sliceOf(start, Math.min(end, total));
}

/** As the answer's Content-Range has it. */
export function contentRangeOf({ start, end }: Slice, total: number, dialect: Dialect): string {
  return `bytes ${start}-${dialect === 'EXCLUSIVE' ? end : end - 1}/${total}`;
}

/** Numbers of any size are compared by their digits: as doubles, two that differ could be the same. */
function isBefore(a: string, b: string): boolean {
  return BigInt(a) < BigInt(b);
}

function sliceOf(start: number, end: number): Slice | 'UNSATISFIABLE' {
  return start < end ? { start, end } : 'UNSATISFIABLE';
}
