import { abortReason } from '@tidemark/platform';

import type { ArchiveSource, AttemptId, OnBytes } from '../destination.js';
import { DestinationRefusedError } from '../errors.js';
import type { HttpAnswer } from './answer.js';
import { contentRange } from './content-range.js';
import { FailedRequest } from './failures.js';
import type { HttpClient } from './http-client.js';
import type { HttpLimits } from './http-limits.js';
import { withRetries } from './retry-rule.js';
import type { UploadRecord } from './upload-record.js';

export interface UploadParts {
  readonly client: HttpClient;
  readonly limits: HttpLimits;
  readonly attempt: AttemptId;
  readonly source: ArchiveSource;
  readonly record: UploadRecord;
  readonly onBytes: OnBytes;
  /** Called when what lies at the destination may have been changed. */
  readonly onTouched: () => void;
}

/** Tells servers that know it which chunks are of one archive: the same for every attempt that sends these bytes. */
const UPLOAD_ID = 'X-Tidemark-Upload';
/** Tells them which attempt of a job sends, so that an earlier one can no longer. */
const ATTEMPT = 'X-Tidemark-Attempt';
/** By it such a server tells which bytes have come; what lay there stays until they are all there. */
const COVERED = 'x-tidemark-covered';
/** What servers answer that want every chunk behind the one before it. */
const OUT_OF_ORDER = new Set([409, 412, 416, 425]);
/** What servers answer that know no PUT of a range. */
const NO_RANGES = new Set([400, 501]);

/**
 * Sends what the record has pending, each chunk read from the file as it is sent. The first goes alone: it shows what
 * the server knows. The others go side by side, until the server refuses one that came before an earlier one; from
 * then on one after the other. Throws FailedRequest.
 */
export class ChunkedUpload {
  constructor(private readonly parts: UploadParts) {}

  async run(signal: AbortSignal): Promise<void> {
    const { record, limits } = this.parts;
    const pending = record.pending();
    const first = pending.shift();
    if (first === undefined) {
      if (record.upload.bytes === 0) await this.#sendWhole(signal);
      return;
    }
    await this.#first(first, signal);
    const left = limits.inFlight > 1 ? await this.#sideBySide(pending, signal) : pending;
    for (const chunk of left) await this.#chunk(chunk, signal);
  }

  async #first(chunk: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#chunk(chunk, signal);
    } catch (error) {
      if (!hasStatus(error, NO_RANGES)) throw error;
      if (this.parts.record.chunkCount > 1) throw withoutRanges(this.parts.client.display, error);
      await this.#sendWhole(signal);
      await this.#acknowledge(chunk);
    }
  }

  /** Resolves with the chunks that are left because the server wants them in order. */
  async #sideBySide(pending: readonly number[], signal: AbortSignal): Promise<number[]> {
    const queue = [...pending];
    const refused: number[] = [];
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    const send = async (): Promise<void> => {
      for (let chunk = queue.shift(); chunk !== undefined && refused.length === 0; chunk = queue.shift()) {
        try {
          await this.#chunk(chunk, either);
        } catch (error) {
          refused.push(chunk);
          if (hasStatus(error, OUT_OF_ORDER)) return;
          stop.abort(error);
          throw error;
        }
      }
    };
    const senders = Array.from({ length: this.parts.limits.inFlight }, send);
    await Promise.allSettled(senders);
    signal.throwIfAborted();
    if (stop.signal.aborted) throw abortReason(stop.signal);
    return refused.length === 0 ? [] : this.parts.record.pending();
  }

  async #chunk(chunk: number, signal: AbortSignal): Promise<void> {
    const { start, end } = this.parts.record.rangeOf(chunk);
    const range = contentRange(start, end, this.parts.record.upload.bytes);
    const { record, attempt } = this.parts;
    const headers = { 'Content-Range': range, ...uploadHeaders(record.upload.sha256, attempt) };
    await this.#put({ start, end }, headers, signal);
    await this.#acknowledge(chunk);
  }

  async #sendWhole(signal: AbortSignal): Promise<void> {
    await this.#put({ start: 0, end: this.parts.record.upload.bytes }, {}, signal);
  }

  async #acknowledge(chunk: number): Promise<void> {
    const { start, end } = this.parts.record.rangeOf(chunk);
    await this.parts.record.acknowledged(chunk);
    await this.parts.onBytes(end - start);
  }

  async #put(
    { start, end }: { start: number; end: number },
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, limits, source, record, onTouched } = this.parts;
    const body = { bytes: end - start, stream: (until: AbortSignal) => source.stream(start, end - start, until) };
    const once = async (): Promise<void> => {
      try {
        const answer = await client.send({ method: 'PUT', headers, body }, signal);
        if (!answer.isSuccess) throw answer.failure();
        if (this.#isHeldBack(answer)) await record.heldBack();
        else onTouched();
        await answer.discard();
      } catch (error) {
        const mayHaveArrived = !(error instanceof FailedRequest) || error.facts.mayHaveArrived;
        if (mayHaveArrived && !this.#mustBeHeldBack()) onTouched();
        throw error;
      }
    };
    await withRetries(limits.retries, once, signal);
  }

  /** Whether the server says that bytes are missing still, and so that it shows nothing yet of those that have come. */
  #isHeldBack(answer: HttpAnswer): boolean {
    const { bytes } = this.parts.record.upload;
    const covered = answer.header(COVERED);
    return covered !== undefined && covered !== `bytes 0-${bytes - 1}/${bytes}`;
  }

  /** Whether chunks are missing that nobody can have sent: those without an acknowledgement are on their way, or were. */
  #mustBeHeldBack(): boolean {
    const { record, limits } = this.parts;
    const underWay = record.isContinued ? 2 * limits.inFlight : limits.inFlight;
    return record.isHeldBack && record.pending().length > underWay;
  }
}

/** For servers that know them: which archive a request is about, and for whom. */
export function uploadHeaders(sha256: string, { jobId, fence }: AttemptId): Record<string, string> {
  return { [UPLOAD_ID]: sha256, [ATTEMPT]: `${jobId}.${fence}` };
}

function hasStatus(error: unknown, statuses: ReadonlySet<number>): error is FailedRequest {
  return error instanceof FailedRequest && error.facts.status !== undefined && statuses.has(error.facts.status);
}

function withoutRanges(display: string, { facts }: FailedRequest): FailedRequest {
  const reason = `it answered ${facts.status ?? 0} to a PUT with Content-Range, and the archive does not fit one chunk`;
  return new FailedRequest(new DestinationRefusedError(display, reason, { details: { status: facts.status } }), facts);
}
