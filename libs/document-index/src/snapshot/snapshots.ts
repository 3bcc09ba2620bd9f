import { randomBytes } from 'node:crypto';

import type { Column, Range } from '@tidemark/contracts';
import type { Logger } from '@tidemark/platform';

import { SessionGoneError } from '../errors.js';
import { COLUMNS } from '../layout/layout.js';
import type { Connections } from '../postgres/connections.js';
import { openSnapshot, type HeldSnapshot } from './open-snapshot.js';
import { partBytesAfter, planRanges } from './part-sizes.js';
import { SnapshotReader, type RangeCopy } from './snapshot-reader.js';

/** What an opened snapshot is, for the one who will read its parts. */
export interface SnapshotFacts extends Pick<
  HeldSnapshot,
  'generation' | 'system' | 'closedTimeMicros' | 'pgSnapshot' | 'serverVersion' | 'versionsEstimate'
> {
  /** 128 random bits; knows it who may read the snapshot. */
  readonly sessionId: string;
  readonly columns: readonly Column[];
  /** The plan: the table in pieces of about the part size asked for. */
  readonly ranges: readonly Range[];
}

interface Session {
  readonly held: HeldSnapshot;
  readonly reader: SnapshotReader;
  readonly jobId: string;
  readonly fence: number;
  readonly idleSince: NodeJS.Timeout;
  /** Those that are being read. */
  readonly copies: Set<RangeCopy>;
  /** Copies that are about to be read. */
  beginning: number;
  readonly onLost: () => void;
  /** Of rows, for a part. */
  readonly partBytes: number;
  /** Asked for so far. */
  parts: number;
}

/** A range on its way out, and how much of it the part that is asked for may take. */
export interface PartCopy extends RangeCopy {
  readonly maxRawBytes: number;
}

/**
 * An abandoned snapshot holds back vacuum: it is closed when nobody has read from it for so long. A copy under way is
 * being read, however slowly.
 */
const IDLE_MILLIS = 120_000;

/** The open snapshots of this process. */
export class Snapshots {
  readonly #sessions = new Map<string, Session>();

  constructor(
    private readonly connections: Connections,
    private readonly options: { indexId: number; log: Logger; idleMillis?: number },
  ) {}

  /** Opens a snapshot for an attempt; those that earlier attempts of the same job left open end, also other processes'. */
  async open(
    attempt: { jobId: string; fence: number },
    partBytes: number,
    signal?: AbortSignal,
  ): Promise<SnapshotFacts> {
    await this.#closeEarlier(attempt);
    const held = await openSnapshot(
      { pool: this.connections.sessions, indexId: this.options.indexId, attempt },
      signal,
    );
    const sessionId = randomBytes(16).toString('hex');
    const reader = new SnapshotReader(this.connections.parts, held);
    const onLost = (): void => void this.close(sessionId);
    held.holder.on('error', onLost);
    this.#sessions.set(sessionId, {
      held,
      reader,
      ...attempt,
      idleSince: this.#idleTimer(sessionId),
      copies: new Set(),
      beginning: 0,
      onLost,
      partBytes,
      parts: 0,
    });
    const { generation, system, closedTimeMicros, pgSnapshot, serverVersion, versionsEstimate } = held;
    const facts = { generation, system, closedTimeMicros, pgSnapshot, serverVersion, versionsEstimate };
    return { sessionId, ...facts, columns: COLUMNS, ranges: planRanges(held.size, partBytes) };
  }

  /** As {@link SnapshotReader.copy}; ends with the snapshot. */
  async copy(sessionId: string, range: Range): Promise<PartCopy> {
    const session = this.#use(sessionId);
    const maxRawBytes = partBytesAfter(session.parts++, session.partBytes);
    session.beginning++;
    try {
      const copy = await session.reader.copy(range);
      session.copies.add(copy);
      const end = async (): Promise<void> => {
        if (!session.copies.delete(copy)) return;
        session.idleSince.refresh();
        await copy.end();
      };
      return { rows: copy.rows, end, maxRawBytes };
    } finally {
      session.beginning--;
    }
  }

  async placeAfter(sessionId: string, range: Range, count: number): Promise<string> {
    return await this.#use(sessionId).reader.placeAfter(range, count);
  }

  async countDocuments(sessionId: string): Promise<number> {
    return await this.#use(sessionId).reader.countDocuments();
  }

  /** Ends a snapshot; closing one that is not there is fine. */
  async close(sessionId: string): Promise<void> {
    const session = this.#sessions.get(sessionId);
    if (!session) return;
    this.#sessions.delete(sessionId);
    clearTimeout(session.idleSince);
    const underWay = [...session.copies];
    session.copies.clear();
    await Promise.all(underWay.map((copy) => copy.end()));
    const { holder } = session.held;
    holder.off('error', session.onLost);
    const ended = await holder.query('ROLLBACK').then(
      () => true,
      () => false,
    );
    holder.release(!ended);
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#sessions.keys()].map((sessionId) => this.close(sessionId)));
  }

  get openCount(): number {
    return this.#sessions.size;
  }

  async #closeEarlier({ jobId, fence }: { jobId: string; fence: number }): Promise<void> {
    const earlier = [...this.#sessions].filter(([, held]) => held.jobId === jobId && held.fence < fence);
    await Promise.all(earlier.map(([sessionId]) => this.close(sessionId)));
  }

  #use(sessionId: string): Session {
    const session = this.#sessions.get(sessionId);
    if (!session) throw new SessionGoneError('the snapshot');
    session.idleSince.refresh();
    return session;
  }

  #idleTimer(sessionId: string): NodeJS.Timeout {
    const idle = (): void => {
      const session = this.#sessions.get(sessionId);
      if (session && session.copies.size + session.beginning > 0) return void session.idleSince.refresh();
      this.options.log.warn({ sessionId }, 'a snapshot that nobody reads from was closed');
      void this.close(sessionId);
    };
    return setTimeout(idle, this.options.idleMillis ?? IDLE_MILLIS).unref();
  }
}
