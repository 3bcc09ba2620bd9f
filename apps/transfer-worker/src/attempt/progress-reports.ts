import type { JobPhase, JobProgress } from '@tidemark/contracts';
import type { Messaging } from '@tidemark/messaging';
import { systemClock, type Clock } from '@tidemark/platform';

const REPORT_MILLIS = 500;

interface Counts {
  readonly versionsDone: number;
  readonly bytesDone: number;
}

/**
 * Tells the gateway where an attempt is: each phase at once, counts now and then, the last ones before a standstill too.
 * Lost reports cost nothing.
 */
export class ProgressReports {
  #phase: JobPhase = 'STARTING';
  #counts: Counts = { versionsDone: 0, bytesDone: 0 };
  #totals: { versions: number | null; bytes: number | null } = { versions: null, bytes: null };
  #startedMillis = 0;
  #reportedMillis = -Infinity;
  #serial = 0;
  #later: NodeJS.Timeout | undefined;

  constructor(
    private readonly messaging: Messaging,
    private readonly attempt: { readonly jobId: string; readonly fence: number },
    private readonly clock: Clock = systemClock,
  ) {}

  get phase(): JobPhase {
    return this.#phase;
  }

  /** A phase with totals counts anew; one without leaves the counts as they are. Null where nobody knows a total. */
  begin(phase: JobPhase, totals?: { versions: number | null; bytes: number | null }): void {
    this.#phase = phase;
    if (totals) {
      this.#counts = { versionsDone: 0, bytesDone: 0 };
      this.#totals = totals;
      this.#startedMillis = this.clock.monotonicMillis();
    }
    this.#send();
  }

  add(versions: number, bytes: number): void {
    const { versionsDone, bytesDone } = this.#counts;
    this.#counts = { versionsDone: versionsDone + versions, bytesDone: bytesDone + bytes };
    const left = this.#reportedMillis + REPORT_MILLIS - this.clock.monotonicMillis();
    if (left <= 0) this.#send();
    else this.#later ??= setTimeout(() => this.#send(), left).unref();
  }

  #send(): void {
    clearTimeout(this.#later);
    this.#later = undefined;
    this.#reportedMillis = this.clock.monotonicMillis();
    const report = { ...this.attempt, serial: ++this.#serial, phase: this.#phase, progress: this.#progress() };
    this.messaging.publish('progress', report).catch(() => undefined);
  }

  #progress(): JobProgress | null {
    const { versionsDone, bytesDone } = this.#counts;
    const seconds = (this.clock.monotonicMillis() - this.#startedMillis) / 1000;
    const { versions, bytes } = this.#totals;
    const versionsTotal = versions === null ? null : Math.max(versions, versionsDone);
    // Bytes count where nobody counts versions: while an archive is on its way.
    const [done, total] = versions === null ? [bytesDone, bytes] : [versionsDone, versionsTotal];
    const perSecond = (count: number): number | null => (seconds > 0 && count > 0 ? count / seconds : null);
    const rate = perSecond(done);
    return {
      versionsDone,
      versionsTotal,
      bytesDone,
      bytesTotal: bytes,
      percent: total ? Math.min(100, Math.floor((100 * done) / total)) : null,
      versionsPerSecond: rounded(versions === null ? null : rate),
      bytesPerSecond: rounded(perSecond(bytesDone)),
      etaSeconds: rate === null || total === null ? null : Math.max(0, Math.ceil((total - done) / rate)),
    };
  }
}

function rounded(rate: number | null): number | null {
  return rate === null ? null : Math.round(rate);
}
