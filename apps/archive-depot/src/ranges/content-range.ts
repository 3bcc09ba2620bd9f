import { ParameterInvalidError } from '@tidemark/contracts';

/** Of a PUT, as it is written; whether its end counts is told by the length of the body. */
export interface ContentRange {
  readonly start: number;
  readonly end: number;
  readonly total: number;
}

/** Where the bytes of one PUT go. Its end is exclusive, and known only when the body has ended where no length was given. */
export interface Chunk {
  readonly start: number;
  readonly leastEnd: number;
  readonly mostEnd: number;
  readonly total: number;
}

const FORM = /^bytes[ \t]+(\d{1,16})-(\d{1,16})\/(\d{1,16})$/i;

/** Throws PARAMETER_INVALID. */
export function parseContentRange(header: string): ContentRange {
  const [start, end, total] = (FORM.exec(header.trim())?.slice(1) ?? []).map(Number);
  if (start === undefined || end === undefined || total === undefined) {
    throw invalid('must be bytes <start>-<end>/<total>, with the total in it');
  }
  if (![start, end, total].every(Number.isSafeInteger)) throw invalid('goes over 9007199254740991');
  return { start, end, total };
}

/**
 * An end that counts (RFC 9110) makes the body `end - start + 1` bytes long; one that does not, as the ancestor writes
 * it, `end - start`. Without a length (`undefined`) the end of the body decides. Throws PARAMETER_INVALID.
 */
export function chunkOf({ start, end, total }: ContentRange, length: number | undefined): Chunk {
  if (end < start) throw invalid('ends before it starts');
  const lengths = [end - start, end - start + 1].filter((each) => length === undefined || each === length);
  const ends = lengths.map((each) => start + each).filter((each) => each <= total && (each > start || total === 0));
  const [leastEnd, mostEnd = leastEnd] = ends;
  if (leastEnd === undefined || mostEnd === undefined) throw invalid(complaintOf({ start, end, total }, length));
  return { start, leastEnd, mostEnd, total };
}

function complaintOf({ start, end, total }: ContentRange, length: number | undefined): string {
  const isThatLong = length === end - start || length === end - start + 1;
  if (length === undefined || isThatLong) return end >= total ? 'goes over its total' : 'is of no byte';
  return `is of ${end - start + 1} bytes and the body has ${length}`;
}

function invalid(reason: string): ParameterInvalidError {
  return new ParameterInvalidError('Content-Range', reason);
}
