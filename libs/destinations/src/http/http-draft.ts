import type { Writable } from 'node:stream';

import { TidemarkError } from '@tidemark/contracts';
import { sleep, systemClock } from '@tidemark/platform';

import type { ArchiveDraft, ArchiveSource, AttemptId, OnBytes, SealedArchive } from '../destination.js';
import { ArchiveNotFoundError, DeliveryLostError, DestinationIgnoresRangesError } from '../errors.js';
import { ChunkedUpload, uploadHeaders } from './chunked-upload.js';
import { ComparedSource } from './compared-source.js';
import type { HttpSpool, SpooledDraft } from './http-spool.js';
import type { Identity } from './identity.js';
import { lookAt, openSource, type OpeningParts } from './open-source.js';
import { coded } from './retry-rule.js';
import { readRecord, UploadRecord } from './upload-record.js';

export interface HttpDraftParts extends OpeningParts {
  readonly files: HttpSpool;
  readonly spooled: SpooledDraft;
  readonly attempt: AttemptId;
  /** What an earlier attempt may have sent of it; undefined where it is a new one. */
  readonly takenUp?: { readonly isHeldBack: boolean } | undefined;
  /** Before that moment, on the monotonic clock, no new archive is sent. */
  readonly notBeforeMillis: number;
  /** Told what lies at the destination when all of it has been sent. */
  readonly onSent: (archive: SealedArchive, identity: Identity) => void;
}

/** Written into the spool, and sent from there. */
export class HttpDraft implements ArchiveDraft {
  readonly temp: string;
  readonly output: Writable;
  #touched: boolean;
  #isUnderWay: boolean;

  constructor(private readonly parts: HttpDraftParts) {
    this.temp = parts.spooled.temp;
    this.output = parts.spooled.output;
    this.#isUnderWay = parts.takenUp !== undefined;
    this.#touched = parts.takenUp?.isHeldBack === false;
  }

  get destinationTouched(): boolean {
    return this.#touched;
  }

  get isUnderWay(): boolean {
    return this.#isUnderWay || this.#touched;
  }

  seal(): Promise<SealedArchive> {
    return this.parts.spooled.seal();
  }

  async discard(): Promise<void> {
    const { files, spooled } = this.parts;
    const record = await readRecord(files.recordOf(this.temp));
    await spooled.discard();
    await files.remove(this.temp);
    if (record?.isHeldBack) await this.#takeBack(record.upload.sha256);
  }

  /** Throws DESTINATION_IGNORES_RANGES when what lies there afterwards has not the length of what was sent. */
  async transfer(signal: AbortSignal, onBytes: OnBytes = () => undefined): Promise<void> {
    signal.throwIfAborted();
    const sealed = await this.seal();
    await sleep(Math.max(0, this.parts.notBeforeMillis - systemClock.monotonicMillis()), signal);
    const source = await this.parts.spooled.open(signal);
    try {
      await this.#withRecord(sealed, async (record) => {
        await onBytes(sealed.bytes - pendingBytes(record));
        await this.#send(record, { source, onBytes }, signal);
        if (record.isContinued && !(await this.#hasLength(sealed, signal))) {
          await record.forget();
          await this.#send(record, { source, onBytes: () => undefined }, signal);
        }
      });
    } finally {
      await source.close();
    }
    this.parts.onSent(sealed, await this.#arrived(sealed, signal));
  }

  /** Every byte that is read is compared with what was sent; one that differs is DESTINATION_IGNORES_RANGES. */
  async open(signal: AbortSignal): Promise<ArchiveSource> {
    signal.throwIfAborted();
    const sealed = await this.seal();
    const there = await openSource(this.parts, signal).catch(throwLost(this.parts.client.display));
    const sent = await this.parts.spooled.open(signal).catch(async (error: unknown) => {
      await there.source.close();
      throw error;
    });
    if (there.source.size !== sealed.bytes) {
      for (const source of [there.source, sent]) await source.close();
      throw otherLength(this.parts.client.display, sealed, there.source.size);
    }
    return new ComparedSource(there.source, sent, {
      display: this.parts.client.display,
      onDifference: () => this.#withRecord(sealed, (record) => record.forget()),
    });
  }

  async #send(
    record: UploadRecord,
    { source, onBytes }: { source: ArchiveSource; onBytes: OnBytes },
    signal: AbortSignal,
  ): Promise<void> {
    const { client, limits, attempt } = this.parts;
    const onTouched = (): void => {
      this.#touched = true;
    };
    const upload = new ChunkedUpload({ client, limits, attempt, source, record, onBytes, onTouched });
    try {
      await coded(upload.run(signal));
    } finally {
      if (record.acknowledgedCount > 0) this.#isUnderWay = true;
    }
  }

  /** By what the archive at the destination is known again, if it has the length of what was sent there. */
  async #arrived(sealed: SealedArchive, signal: AbortSignal): Promise<Identity> {
    const { display } = this.parts.client;
    const identity = await lookAt(this.parts, signal).catch(throwLost(display));
    if (identity.size !== sealed.bytes) throw otherLength(display, sealed, identity.size);
    return identity;
  }

  async #hasLength(sealed: SealedArchive, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#arrived(sealed, signal);
      return true;
    } catch (error) {
      const differs = ['DESTINATION_IGNORES_RANGES', 'DELIVERY_LOST'];
      if (error instanceof TidemarkError && differs.includes(error.code)) return false;
      throw error;
    }
  }

  /** Of a destination that holds uploads back: one that is gone with its old archive as it was, then. */
  async #takeBack(sha256: string): Promise<void> {
    const { client, limits } = this.parts;
    const request = { method: 'DELETE', headers: uploadHeaders(sha256, this.parts.attempt) } as const;
    try {
      const answer = await client.send(request, AbortSignal.timeout(limits.takeBackMillis));
      if (answer.isSuccess) this.#touched = false;
      answer.destroy();
    } catch {
      // The destination removes what nobody goes on with by itself.
    }
  }

  async #withRecord(sealed: SealedArchive, work: (record: UploadRecord) => Promise<void>): Promise<void> {
    const { files, client, limits } = this.parts;
    const { sha256, bytes } = sealed;
    const wanted = { sha256, bytes, chunkBytes: limits.chunkBytes };
    const record = await UploadRecord.open(files.recordOf(this.temp), wanted, `the spool for ${client.display}`);
    try {
      await work(record);
    } finally {
      await record.close();
    }
  }
}

function pendingBytes(record: UploadRecord): number {
  return record.pending().reduce((sum, chunk) => {
    const { start, end } = record.rangeOf(chunk);
    return sum + end - start;
  }, 0);
}

/** Every byte was acknowledged before. */
function throwLost(display: string): (error: unknown) => never {
  return (error) => {
    throw error instanceof ArchiveNotFoundError
      ? new DeliveryLostError(display, 'the destination took every byte, and nothing lies there')
      : error;
  };
}

function otherLength(display: string, { bytes }: SealedArchive, there: number): DestinationIgnoresRangesError {
  const lengths = { sent: bytes, there };
  return new DestinationIgnoresRangesError(display, reasonOf(lengths), lengths);
}

function reasonOf({ sent, there }: { sent: number; there: number }): string {
  if (there < sent) return `of ${sent} bytes that were sent, ${there} lie there`;
  return (
    `a longer file lay there and was not cut off behind the ${sent} bytes that were sent, so the ${there} bytes there ` +
    'now are no archive; remove it there, or give each backup a URL of its own'
  );
}
