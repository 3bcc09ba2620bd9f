import { errorFacts, TidemarkError, type ErrorCode, type Steps } from '@tidemark/contracts';
import type { JobStore, SwitchEnd, WaitingSwitch } from '@tidemark/jobs';
import { anySignal, type Logger } from '@tidemark/platform';

import type { IndexClient } from '../index-service/index-client.js';
import type { JobEnds } from '../jobs/job-ends.js';

/** The switch itself takes seconds; counting what it left behind may take longer, and would begin anew if asked again. */
const ANSWER_MILLIS = 5 * 60_000;

export interface SwitchesOptions {
  readonly index: IndexClient;
  readonly jobs: JobStore;
  readonly ends: JobEnds;
  readonly steps: Steps;
  readonly log: Logger;
}

/** Makes restored generations the live ones: asks the index-service, and settles the restore with its answer. */
export class Switches {
  readonly #running = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();

  constructor(private readonly options: SwitchesOptions) {}

  /**
   * Begins, and does not wait for the end. Without effect for one that is under way here; asked for by several
   * gateways, the first answer counts for all.
   */
  start(waiting: WaitingSwitch): void {
    const { jobId } = waiting;
    if (this.#running.has(jobId) || this.#stop.signal.aborted) return;
    const run = this.#run(waiting).finally(() => this.#running.delete(jobId));
    this.#running.set(jobId, run);
  }

  /** What has no answer yet is left to the next sweep of any gateway. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running.values());
  }

  async #run({ jobId, effect: { generation, expectedLive } }: WaitingSwitch): Promise<void> {
    const end = await this.#ask({ jobId, generation, expectedLive });
    await this.options.steps.made('switch answered');
    if (this.#stop.signal.aborted && end.outcome === 'FAILED') return;
    try {
      const settlement = await this.options.jobs.settleRestore(jobId, end);
      if (settlement.outcome === 'SETTLED') await this.options.ends.follow(settlement.job);
    } catch (error) {
      this.options.log.warn({ err: error, jobId }, 'a switch was not settled; the sweep asks for it again');
    }
  }

  async #ask(request: { jobId: string; generation: number; expectedLive: number }): Promise<SwitchEnd> {
    try {
      const signal = anySignal(this.#stop.signal, AbortSignal.timeout(ANSWER_MILLIS));
      return await this.options.index.switch(request, signal);
    } catch (error) {
      this.options.log.warn({ err: error, jobId: request.jobId }, 'the switch of a restore was not answered');
      return { outcome: 'FAILED', error: { code: codeOf(error), message: messageOf(error), phase: 'SWITCHING' } };
    }
  }
}

/** Only an answer of the index-service ends a restore: whatever else happened, the switch may have been made. */
function codeOf(error: unknown): ErrorCode {
  return error instanceof TidemarkError && errorFacts(error.code).retriable ? error.code : 'INDEX_UNAVAILABLE';
}

function messageOf(error: unknown): string {
  return error instanceof TidemarkError ? error.message : 'the index-service did not answer as it should';
}
