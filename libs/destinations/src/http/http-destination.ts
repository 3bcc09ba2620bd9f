import type { LookupFunction } from 'node:net';

import type { ArchiveDraft, ArchiveSource, AttemptId, Destination, SealedArchive } from '../destination.js';
import { ArchiveNotFoundError, DeliveryLostError } from '../errors.js';
import { sha256Of } from '../file/file-source.js';
import { fenceOfTemp } from '../temp-name.js';
import { HttpClient } from './http-client.js';
import { HttpDraft } from './http-draft.js';
import { limitsWith, type GivenLimits, type HttpLimits } from './http-limits.js';
import { HttpSpool, type SpooledDraft } from './http-spool.js';
import { isSame, strongEtag, type Identity } from './identity.js';
import { openSource, type OpenedSource } from './open-source.js';

export interface HttpPlace {
  readonly url: URL;
  readonly display: string;
  /** Folder of this process alone, for what is on its way. Made when it is needed. */
  readonly spool: string;
  /** Sent to `url` with every request, and nowhere else. */
  readonly bearer?: string | undefined;
  /** Finds, and judges, the addresses of the host. */
  readonly lookup?: LookupFunction;
  readonly limits?: GivenLimits;
}

/**
 * An archive at a URL that takes PUT and GET of ranges. It is finished in the spool and then sent; what lay there
 * before is overwritten in place, unless the server itself keeps it until the last byte has come.
 */
export class HttpDestination implements Destination {
  readonly display: string;
  readonly #client: HttpClient;
  readonly #limits: HttpLimits;
  readonly #files: HttpSpool;
  readonly #sentHere = new Map<string, Identity>();

  constructor(private readonly place: HttpPlace) {
    this.display = place.display;
    this.#limits = limitsWith(place.limits);
    this.#client = new HttpClient(place, this.#limits.patience);
    this.#files = new HttpSpool(place.spool, place);
  }

  async draft(attempt: AttemptId, signal: AbortSignal): Promise<ArchiveDraft> {
    return this.#draftOf(await this.#files.draft(attempt, signal), false);
  }

  async takeUp(attempt: AttemptId, signal: AbortSignal): Promise<ArchiveDraft | undefined> {
    const spooled = await this.#files.takeUp(attempt, signal);
    return spooled && this.#draftOf(spooled, true);
  }

  /** What lies there is compared by its sum, unless this object sent it and it still has the strong ETag of then. */
  async finish(sealed: SealedArchive, attempt: AttemptId, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const fence = fenceOfTemp(sealed.temp, this.#files.name, attempt.jobId);
    if (fence === undefined || fence > attempt.fence) {
      throw new DeliveryLostError(this.display, 'it is not of this attempt or one before it');
    }
    const opened = await this.#opened(signal).catch((error: unknown) => {
      throw error instanceof ArchiveNotFoundError ? new DeliveryLostError(this.display, 'nothing lies there') : error;
    });
    try {
      if (!(await this.#isThere(opened, sealed, signal))) {
        throw new DeliveryLostError(this.display, 'the destination holds something else');
      }
    } finally {
      await opened.source.close();
    }
    await this.#files.remove(sealed.temp);
  }

  async open(signal: AbortSignal): Promise<ArchiveSource> {
    return (await this.#opened(signal)).source;
  }

  async sweep(attempt: AttemptId, signal: AbortSignal): Promise<void> {
    await this.#files.sweep(attempt, signal);
  }

  #opened(signal: AbortSignal): Promise<OpenedSource> {
    return openSource({ client: this.#client, limits: this.#limits, spool: this.place.spool }, signal);
  }

  async #isThere({ source, identity }: OpenedSource, sealed: SealedArchive, signal: AbortSignal): Promise<boolean> {
    if (source.size !== sealed.bytes) return false;
    const sent = this.#sentHere.get(`${sealed.temp} ${sealed.sha256}`);
    if (sent && strongEtag(sent) !== undefined && isSame(sent, identity)) return true;
    return (await sha256Of(source, signal)) === sealed.sha256;
  }

  #draftOf(spooled: SpooledDraft, isTakenUp: boolean): ArchiveDraft {
    return new HttpDraft({
      client: this.#client,
      limits: this.#limits,
      spool: this.place.spool,
      files: this.#files,
      spooled,
      isTakenUp,
      onSent: ({ temp, sha256 }, identity) => this.#sentHere.set(`${temp} ${sha256}`, identity),
    });
  }
}
