import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';

import {
  GRANT_HEADER,
  PART_HEADERS,
  partFactsFromHeaders,
  snapshotSchema,
  snapshotTotalsSchema,
  type PartFacts,
  type Range,
  type Snapshot,
  type SnapshotTotals,
  type WireClaim,
} from '@tidemark/contracts';

import type { InternalHttp } from './internal-http.js';

/** What follows a part's bytes. */
interface PartEnd {
  readonly facts: PartFacts;
  /** Where the range goes on; undefined at its end. */
  readonly next: string | undefined;
}

export interface PartAnswer {
  readonly bytes: Readable;
  /** Asked after the last byte; undefined where the part broke off. */
  end(): PartEnd | undefined;
}

/** One snapshot at the index-service that holds it. */
export class SnapshotClient {
  private constructor(
    private readonly http: InternalHttp,
    readonly snapshot: Snapshot,
  ) {}

  static async open(
    http: InternalHttp,
    indexUrl: string,
    { attempt, signal }: { attempt: Pick<WireClaim, 'jobId' | 'fence' | 'grant'>; signal: AbortSignal },
  ): Promise<SnapshotClient> {
    const { jobId, fence, grant } = attempt;
    const data = { jobId, fence };
    const headers = { [GRANT_HEADER]: grant };
    const answer = await http.firstJson({ method: 'POST', url: `${indexUrl}/snapshots`, headers, data, signal });
    return new SnapshotClient(http, snapshotSchema.parse(answer));
  }

  async part(range: Range, signal: AbortSignal): Promise<PartAnswer> {
    const params = { from: range.from, ...(range.to === null ? {} : { to: range.to }) };
    const { data } = await this.http.request({ url: `${this.snapshot.session}/parts`, params, signal });
    const message = data as IncomingMessage;
    return { bytes: message, end: () => (message.complete ? partEndOf(message.trailers) : undefined) };
  }

  async totals(signal: AbortSignal): Promise<SnapshotTotals> {
    return snapshotTotalsSchema.parse(await this.http.json({ url: `${this.snapshot.session}/totals`, signal }));
  }

  async close(): Promise<void> {
    await this.http.json({ method: 'DELETE', url: this.snapshot.session, signal: AbortSignal.timeout(5000) });
  }
}

function partEndOf(trailers: IncomingMessage['trailers']): PartEnd | undefined {
  const facts = partFactsFromHeaders(trailers);
  const next = trailers[PART_HEADERS.next];
  return facts && { facts, next: next === '' ? undefined : next };
}
