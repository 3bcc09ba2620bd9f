import type { Readable, Writable } from 'node:stream';

/** One run of a job, as far as a destination must know it; a higher fence takes the place of every lower one. */
export interface AttemptId {
  readonly jobId: string;
  readonly fence: number;
}

/** A closed and synced archive that has no name yet: what a job stores as its effect before {@link Destination.finish}. */
export interface SealedArchive {
  /** Name of the temp, beside the destination. */
  readonly temp: string;
  readonly bytes: number;
  /** Of all bytes, lower-case hex. */
  readonly sha256: string;
}

/** Called with how many more bytes have been moved, and waited for. */
export type OnBytes = (bytes: number) => unknown;

/** Called with how many bytes have been copied so far, and of how many, where that is known; anew where a copy begins anew. */
export type OnCopied = (bytes: number, total: number | undefined) => void;

/** Where one archive goes to or comes from. Every method throws the signal's reason once it has aborted. */
export interface Destination {
  /** The destination as jobs and logs show it: secrets masked. */
  readonly display: string;
  /** Whether archives are transferred over a network; elsewhere they are written where they lie. */
  readonly isRemote: boolean;

  /**
   * Starts an archive. Removes the temps that earlier attempts of the job left, which makes those attempts powerless;
   * what lies at the destination stays as it is until {@link finish}.
   * Throws DELIVERY_LOST when a later attempt of the job is at work already.
   */
  draft(attempt: AttemptId, signal: AbortSignal): Promise<ArchiveDraft>;

  /**
   * What an earlier attempt of the job sealed and began to transfer, taken over by this one to go on from there;
   * undefined where there is nothing of the kind, as always where a transfer moves nothing.
   */
  takeUp(attempt: AttemptId, signal: AbortSignal): Promise<ArchiveDraft | undefined>;

  /**
   * Makes the sealed archive the one at the destination, whoever asks and however often: gives the temp its name, or
   * finds that this has been done. Throws DELIVERY_LOST when neither is possible.
   */
  finish(sealed: SealedArchive, attempt: AttemptId, signal: AbortSignal): Promise<void>;

  /**
   * Opens what lies there, for reading in place; what cannot be read in place is copied first, and `onCopied` called.
   * Throws ARCHIVE_NOT_FOUND when nothing lies there.
   */
  open(signal: AbortSignal, onCopied?: OnCopied): Promise<ArchiveSource>;

  /** Removes the temps of this job's attempts up to and with this one. Not for a job that is FINISHING. */
  sweep(attempt: AttemptId, signal: AbortSignal): Promise<void>;
}

/** An archive that is being written. {@link seal} and {@link transfer} it, or {@link discard} it. */
export interface ArchiveDraft {
  readonly temp: string;
  /** Whether what lay at the destination before may have been overwritten, in whole or in part, without a finish. */
  readonly destinationTouched: boolean;
  /** Whether a transfer has begun that a later attempt can {@link Destination.takeUp} and go on with. */
  readonly isUnderWay: boolean;
  /** Fails with the destination's error (DESTINATION_FULL, …) or with the reason of the signal given to `draft`. */
  readonly output: Writable;
  /** Ends the output where nobody has, and resolves when every byte would survive a power cut. May be asked again. */
  seal(): Promise<SealedArchive>;
  /**
   * Brings what has been sealed to where {@link open} reads it back: over a network all of it, beside the destination
   * nothing. May be asked again, and goes on where it broke.
   */
  transfer(signal: AbortSignal, onBytes?: OnBytes): Promise<void>;
  /** What has been sealed and transferred, read back from where it lies. */
  open(signal: AbortSignal): Promise<ArchiveSource>;
  /**
   * Gives the archive up and removes its temp, and takes back what has been transferred where the destination can;
   * without effect once the archive has its name. Afterwards {@link destinationTouched} is final.
   */
  discard(): Promise<void>;
}

/**
 * An archive opened for reading in place. It stays what was opened: another archive given the same name meanwhile does
 * not disturb it, and a change of the opened bytes themselves is found.
 */
export interface ArchiveSource {
  readonly size: number;
  /**
   * The bytes from `offset` on, `length` of them or up to the end, whichever comes first. Any number of streams may be
   * read at once. Fails with ARCHIVE_CHANGED when the archive is no longer what was opened.
   */
  stream(offset: number, length: number, signal?: AbortSignal): Readable;
  /**
   * The same out of memory that is used again, of sources that have such memory: a chunk is good until the next one is
   * asked for.
   */
  lend?(offset: number, length: number, signal?: AbortSignal): AsyncIterable<Buffer>;
  close(): Promise<void>;
}
