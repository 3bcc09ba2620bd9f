import type { Writable } from 'node:stream';

import { TidemarkError } from '@tidemark/contracts';

import type { ArchiveDraft, ArchiveSource, OnBytes, SealedArchive } from '../destination.js';
import { ArchiveNotFoundError, DeliveryLostError, DestinationIgnoresRangesError } from '../errors.js';
import { ChunkedUpload } from './chunked-upload.js';
import { ComparedSource } from './compared-source.js';
import type { HttpSpool, SpooledDraft } from './http-spool.js';
import type { Identity } from './identity.js';
import { openSource, type OpenedSource, type OpeningParts } from './open-source.js';
import { coded } from './retry-rule.js';
import { UploadRecord } from './upload-record.js';

export interface HttpDraftParts extends OpeningParts {
  readonly files: HttpSpool;
  readonly spooled: SpooledDraft;
  /** Whether an earlier attempt may have sent some of it. */
  readonly isTakenUp: boolean;
  /** Told what lies at the destination when all of it has been sent. */
  readonly onSent: (archive: SealedArchive, identity: Identity) => void;
}

/** Written into the spool, and sent from there. */
export class HttpDraft implements ArchiveDraft {
  readonly temp: string;
  readonly output: Writable;
  #touched: boolean;

  constructor(private readonly parts: HttpDraftParts) {
    this.temp = parts.spooled.temp;
    this.output = parts.spooled.output;
    this.#touched = parts.isTakenUp;
  }

  get destinationTouched(): boolean {
    return this.#touched;
  }

  seal(): Promise<SealedArchive> {
    return this.parts.spooled.seal();
  }

  async discard(): Promise<void> {
    await this.parts.spooled.discard();
    await this.parts.files.remove(this.temp);
  }

  /** Throws DESTINATION_IGNORES_RANGES when what lies there afterwards has not the length of what was sent. */
  async transfer(signal: AbortSignal, onBytes: OnBytes = () => undefined): Promise<void> {
    signal.throwIfAborted();
    const sealed = await this.seal();
    const source = await this.parts.spooled.open(signal);
    try {
      await this.#withRecord(sealed, async (record) => {
        onBytes(sealed.bytes - pendingBytes(record));
        await this.#send(record, { source, onBytes }, signal);
        if (record.isContinued && !(await this.#hasLength(sealed, signal))) {
          await record.forget();
          await this.#send(record, { source, onBytes: () => undefined }, signal);
        }
      });
    } finally {
      await source.close();
    }
    const { identity } = await this.#close(this.#sent(sealed, signal));
    this.parts.onSent(sealed, identity);
  }

  /** Every byte that is read is compared with what was sent; one that differs is DESTINATION_IGNORES_RANGES. */
  async open(signal: AbortSignal): Promise<ArchiveSource> {
    signal.throwIfAborted();
    const sealed = await this.seal();
    const there = await this.#sent(sealed, signal);
    const sent = await this.parts.spooled.open(signal).catch(async (error: unknown) => {
      await there.source.close();
      throw error;
    });
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
    const { client, limits } = this.parts;
    const onTouched = (): void => {
      this.#touched = true;
    };
    const upload = new ChunkedUpload({ client, limits, source, record, onBytes, onTouched });
    await coded(upload.run(signal));
  }

  /** What lies at the destination, if it has the length of what was sent there. */
  async #sent(sealed: SealedArchive, signal: AbortSignal): Promise<OpenedSource> {
    const { display } = this.parts.client;
    const opened = await openSource(this.parts, signal).catch((error: unknown) => {
      throw error instanceof ArchiveNotFoundError
        ? new DeliveryLostError(display, 'the destination took every byte, and nothing lies there')
        : error;
    });
    if (opened.source.size === sealed.bytes) return opened;
    await opened.source.close();
    const lengths = { sent: sealed.bytes, there: opened.source.size };
    throw new DestinationIgnoresRangesError(display, reasonOf(lengths), lengths);
  }

  async #hasLength(sealed: SealedArchive, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#close(this.#sent(sealed, signal));
      return true;
    } catch (error) {
      const differs = ['DESTINATION_IGNORES_RANGES', 'DELIVERY_LOST'];
      if (error instanceof TidemarkError && differs.includes(error.code)) return false;
      throw error;
    }
  }

  async #close(opening: Promise<OpenedSource>): Promise<OpenedSource> {
    const opened = await opening;
    await opened.source.close();
    return opened;
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

function reasonOf({ sent, there }: { sent: number; there: number }): string {
  if (there < sent) return `of ${sent} bytes that were sent, ${there} lie there`;
  return (
    `a longer file lay there and was not cut off behind the ${sent} bytes that were sent, so the ${there} bytes there ` +
    'now are no archive; remove it there, or give each backup a URL of its own'
  );
}

function pendingBytes(record: UploadRecord): number {
  return record.pending().reduce((sum, chunk) => {
    const { start, end } = record.rangeOf(chunk);
    return sum + end - start;
  }, 0);
}
