/** `Content-Range` as it was written; whether `end` is the last byte or the one after it is the server's dialect. */
export interface ContentRange {
  readonly start: number;
  readonly end: number;
  /** Undefined where the server writes `*`. */
  readonly total: number | undefined;
}

const RANGE = /^bytes[ =](\d+)-(\d+)\/(\d+|\*)$/i;
const UNSATISFIED = /^bytes \*\/(\d+)$/i;

export function parseContentRange(header: string | undefined): ContentRange | undefined {
  const [, start, end, total] = RANGE.exec(header?.trim() ?? '') ?? [];
  if (start === undefined || end === undefined) return undefined;
  const range = { start: Number(start), end: Number(end), total: total === '*' ? undefined : Number(total) };
  const numbers = [range.start, range.end, range.total ?? 0];
  return numbers.every(Number.isSafeInteger) && range.start <= range.end ? range : undefined;
}

/** The size that a 416 tells. */
export function parseUnsatisfiedRange(header: string | undefined): number | undefined {
  const [, total] = UNSATISFIED.exec(header?.trim() ?? '') ?? [];
  return total !== undefined && Number.isSafeInteger(Number(total)) ? Number(total) : undefined;
}

/** Of the bytes from `start` up to but without `end`, as RFC 9110 writes it: the last byte is named. */
export function contentRange(start: number, end: number, total: number): string {
  return `bytes ${start}-${end - 1}/${total}`;
}
