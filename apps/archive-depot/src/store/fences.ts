import { UploadFencedError } from '../errors.js';

/** One run of a sender's job; of two with one job the higher fence is the later one. */
export interface SendingAttempt {
  readonly job: string;
  readonly fence: number;
}

interface Fence {
  readonly least: number;
  readonly raisedMicros: number;
}

/** Which attempts may still send an archive: of each job those from a fence on. Jobs know nothing of each other. */
export class Fences {
  readonly #fences = new Map<string, Fence>();

  /** Throws UPLOAD_CONFLICT where a later attempt of the job has sent that archive, or this one has given it up. */
  check(name: string, attempt: SendingAttempt): void {
    if (attempt.fence < this.#least(name, attempt)) throw new UploadFencedError(name);
  }

  /** From now on attempts before this one are refused. Tells whether that is news. */
  raise(name: string, attempt: SendingAttempt, nowMicros: number): boolean {
    const isNews = attempt.fence > this.#least(name, attempt);
    if (isNews) this.#fences.set(keyOf(name, attempt), { least: attempt.fence, raisedMicros: nowMicros });
    return isNews;
  }

  forget(beforeMicros: number): void {
    for (const [key, { raisedMicros }] of this.#fences) if (raisedMicros < beforeMicros) this.#fences.delete(key);
  }

  #least(name: string, attempt: SendingAttempt): number {
    return this.#fences.get(keyOf(name, attempt))?.least ?? 0;
  }
}

function keyOf(name: string, { job }: SendingAttempt): string {
  return JSON.stringify([name, job]);
}
