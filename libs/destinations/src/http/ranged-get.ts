import { DestinationIgnoresRangesError, DestinationRefusedError } from '../errors.js';
import type { HttpAnswer } from './answer.js';
import { parseContentRange, type ContentRange } from './content-range.js';
import { FailedRequest } from './failures.js';
import type { HttpClient } from './http-client.js';

/** Whether the end of a range is its last byte, as HTTP says, or the byte after it, as the ancestor's file service has it. */
export type RangeEnds = 'INCLUSIVE' | 'EXCLUSIVE';

export interface WantedRange {
  readonly start: number;
  /** The byte after the last one. */
  readonly until: number;
  readonly ends: RangeEnds;
  readonly ifRange?: string | undefined;
}

/** Asks for a closed range; the only kind that every server knows. */
export function rangedGet(client: HttpClient, wanted: WantedRange, signal: AbortSignal): Promise<HttpAnswer> {
  const end = wanted.ends === 'EXCLUSIVE' ? wanted.until : wanted.until - 1;
  const headers = {
    Range: `bytes=${wanted.start}-${end}`,
    ...(wanted.ifRange === undefined ? {} : { 'If-Range': wanted.ifRange }),
  };
  return client.send({ method: 'GET', headers }, signal);
}

/**
 * What came in place of the range that was asked for: a range, whatever the status says, or the whole.
 * Throws FailedRequest for what is no success and what cannot be understood.
 */
export function judgeAnswer(answer: HttpAnswer, display: string): ContentRange | 'WHOLE' {
  if (!answer.isSuccess) throw answer.failure();
  const encoding = answer.header('content-encoding') ?? 'identity';
  if (encoding !== 'identity') {
    answer.destroy();
    const coded = new DestinationRefusedError(display, `it sends the archive encoded (${encoding.slice(0, 20)})`);
    throw new FailedRequest(coded, { worthwhile: false, mayHaveArrived: false });
  }
  const written = answer.header('content-range');
  const range = parseContentRange(written);
  if (range !== undefined) return range;
  if (written !== undefined) throw wrongAnswer(answer, display, 'it tells its range in no numbers below 2^53');
  if (answer.status === 206) throw wrongAnswer(answer, display, 'it answered 206 without saying which bytes');
  return 'WHOLE';
}

/** The dialect that an answer was written in, by how many bytes came for it. */
export function endsOf({ start, end }: ContentRange, bytes: number): RangeEnds | undefined {
  if (bytes === end - start + 1) return 'INCLUSIVE';
  return bytes === end - start ? 'EXCLUSIVE' : undefined;
}

/** An answer that may have been disturbed on its way: worth another request. */
export function wrongAnswer(answer: HttpAnswer, display: string, reason: string): FailedRequest {
  answer.destroy();
  const coded = new DestinationIgnoresRangesError(display, reason, { status: answer.status });
  return new FailedRequest(coded, { worthwhile: true, mayHaveArrived: false, status: answer.status });
}
