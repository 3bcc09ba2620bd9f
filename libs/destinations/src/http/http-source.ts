import { Readable } from 'node:stream';

import type { ArchiveSource } from '../destination.js';
import { ArchiveChangedError } from '../errors.js';
import { checkRange } from '../range.js';
import type { HttpAnswer } from './answer.js';
import type { ContentRange } from './content-range.js';
import { FailedRequest } from './failures.js';
import type { HttpClient } from './http-client.js';
import type { HttpLimits } from './http-limits.js';
import { identityOf, isSame, strongEtag, type Identity } from './identity.js';
import { endsOf, judgeAnswer, rangedGet, wrongAnswer, type RangeEnds } from './ranged-get.js';
import { codedError, RetryRule } from './retry-rule.js';

/** What has to come before a broken request counts as a step forward. */
const PROGRESS_BYTES = 64 * 1024;
const NEVER = new AbortController().signal;

/** Reads in place by closed ranges. What counts is which bytes came: the next request begins behind the last of them. */
export class HttpSource implements ArchiveSource {
  readonly size: number;
  #ends: RangeEnds;

  constructor(
    private readonly client: HttpClient,
    private readonly opened: { readonly identity: Identity; readonly ends: RangeEnds },
    private readonly limits: HttpLimits,
  ) {
    this.size = opened.identity.size;
    this.#ends = opened.ends;
  }

  stream(offset: number, length: number, signal: AbortSignal = NEVER): Readable {
    const range = checkRange(offset, length, this.size);
    return Readable.from(this.#chunks(range, signal), { objectMode: false });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async *#chunks({ start, end }: { start: number; end: number }, signal: AbortSignal): AsyncGenerator<Buffer> {
    const rule = new RetryRule(this.limits.retries);
    signal.throwIfAborted();
    for (let at = start; at < end;) {
      const before = at;
      try {
        for await (const chunk of this.#ask(at, Math.min(end, at + this.limits.rangeBytes), signal)) {
          at += chunk.length;
          yield chunk;
        }
        rule.progressed();
      } catch (error) {
        if (at - before >= PROGRESS_BYTES) rule.progressed();
        await rule.next(error, signal).catch((failure: unknown) => {
          throw codedError(failure);
        });
      }
    }
  }

  /** One request: at least one byte of the range, and none beyond it. */
  async *#ask(start: number, until: number, signal: AbortSignal): AsyncGenerator<Buffer> {
    const wanted = { start, until, ends: this.#ends, ifRange: strongEtag(this.opened.identity) };
    const answer = await rangedGet(this.client, wanted, signal);
    const range = this.#check(answer, start);
    let came = 0;
    for await (const chunk of answer.chunks()) {
      const room = until - start - came;
      came += chunk.length;
      if (room > 0) yield chunk.subarray(0, room);
      if (came > until - start + 1) break;
    }
    this.#ends = endsOf(range, came) ?? this.#ends;
    if (came === 0) throw wrongAnswer(answer, this.client.display, 'it answered a range with no bytes');
  }

  #check(answer: HttpAnswer, start: number): ContentRange {
    const { display } = this.client;
    const { identity } = this.opened;
    if ([404, 410, 412, 416].includes(answer.status)) this.#changed(answer);
    const range = judgeAnswer(answer, display);
    const size = range === 'WHOLE' ? answer.length : range.total;
    if (!isSame(identity, identityOf(answer, size ?? identity.size))) this.#changed(answer);
    if (range === 'WHOLE') throw wrongAnswer(answer, display, 'it sent the whole archive in place of a range');
    if (range.start !== start) throw wrongAnswer(answer, display, 'it sent another range than it was asked for');
    return range;
  }

  #changed(answer: HttpAnswer): never {
    answer.destroy();
    const coded = new ArchiveChangedError(this.client.display);
    throw new FailedRequest(coded, { worthwhile: false, mayHaveArrived: false });
  }
}
