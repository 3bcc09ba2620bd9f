import type { LookupFunction } from 'node:net';

import type { RateLimit } from '@tidemark/platform';

import type { ArchiveDraft, ArchiveSource, AttemptId, Destination, OnCopied, SealedArchive } from '../destination.js';
import { ArchiveNotFoundError, DeliveryLostError } from '../errors.js';
import { sha256Of } from '../file/file-source.js';
import { fenceOfTemp } from '../temp-name.js';
import { HttpClient } from './http-client.js';
import { HttpDraft } from './http-draft.js';
import { limitsWith, type GivenLimits, type HttpLimits } from './http-limits.js';
import { HttpSpool, type SpooledDraft } from './http-spool.js';
import { isSame, type Identity } from './identity.js';
import { lookAt, openSource, type OpeningParts } from './open-source.js';

export interface HttpPlace {
  readonly url: URL;
  readonly display: string;
  /** Folder of this process alone, for what is on its way. Made when it is needed. */
  readonly spool: string;
  /** Sent to `url` with every request, and nowhere else. */
  readonly bearer?: string | undefined;
  /** Finds, and judges, the addresses of the host. */
  readonly lookup?: LookupFunction;
  /** Judges the address of each connection that has been made. */
  readonly checkAddress?: (address: string) => void;
  readonly limits?: GivenLimits;
  /** Of the bytes that are sent there and come from there, together. */
  readonly rateLimit?: RateLimit | undefined;
  /**
   * Before that moment, on the monotonic clock, no new archive is sent: what an earlier attempt had on its way may
   * arrive until then. An archive that is gone on with does not wait: it has the same bytes.
   */
  readonly notBeforeMillis?: number;
}

/**
 * An archive at a URL that takes PUT and GET of ranges. It is finished in the spool and then sent; what lay there
 * before is overwritten in place, unless the server itself keeps it until the last byte has come.
 */
export class HttpDestination implements Destination {
  readonly display: string;
  readonly isRemote = true;
  readonly #client: HttpClient;
  readonly #limits: HttpLimits;
  readonly #files: HttpSpool;
  readonly #sentHere = new Map<string, Identity>();

  constructor(private readonly place: HttpPlace) {
    this.display = place.display;
    this.#limits = limitsWith(place.limits);
    this.#client = new HttpClient(place, this.#limits.patience, place.rateLimit);
    this.#files = new HttpSpool(place.spool, place);
  }

  async draft(attempt: AttemptId, signal: AbortSignal): Promise<ArchiveDraft> {
    return this.#draftOf(attempt, await this.#files.draft(attempt, signal));
  }

  async takeUp(attempt: AttemptId, signal: AbortSignal): Promise<ArchiveDraft | undefined> {
    const taken = await this.#files.takeUp(attempt, signal);
    return taken && this.#draftOf(attempt, taken, taken);
  }

  /** What lies there is compared by its sum, unless this object sent it and it has the length, ETag and time of then. */
  async finish(sealed: SealedArchive, attempt: AttemptId, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const fence = fenceOfTemp(sealed.temp, this.#files.name, attempt.jobId);
    if (fence === undefined || fence > attempt.fence) {
      throw new DeliveryLostError(this.display, 'it is not of this attempt or one before it');
    }
    const isThere = await this.#isThere(sealed, signal).catch((error: unknown) => {
      throw error instanceof ArchiveNotFoundError ? new DeliveryLostError(this.display, 'nothing lies there') : error;
    });
    if (!isThere) throw new DeliveryLostError(this.display, 'the destination holds something else');
    await this.#files.remove(sealed.temp);
  }

  async open(signal: AbortSignal, onCopied?: OnCopied): Promise<ArchiveSource> {
    return (await openSource({ ...this.#opening, onCopied }, signal)).source;
  }

  async sweep(attempt: AttemptId, signal: AbortSignal): Promise<void> {
    await this.#files.sweep(attempt, signal);
  }

  get #opening(): OpeningParts {
    return { client: this.#client, limits: this.#limits, spool: this.place.spool };
  }

  async #isThere(sealed: SealedArchive, signal: AbortSignal): Promise<boolean> {
    const sent = this.#sentHere.get(`${sealed.temp} ${sealed.sha256}`);
    if (sent && isSame(sent, await lookAt(this.#opening, signal))) return true;
    const { source } = await openSource(this.#opening, signal);
    try {
      return source.size === sealed.bytes && (await sha256Of(source, signal)) === sealed.sha256;
    } finally {
      await source.close();
    }
  }

  #draftOf(attempt: AttemptId, spooled: SpooledDraft, takenUp?: { readonly isHeldBack: boolean }): ArchiveDraft {
    return new HttpDraft({
      ...this.#opening,
      files: this.#files,
      spooled,
      attempt,
      takenUp,
      notBeforeMillis: takenUp ? 0 : (this.place.notBeforeMillis ?? 0),
      onSent: ({ temp, sha256 }, identity) => this.#sentHere.set(`${temp} ${sha256}`, identity),
    });
  }
}
