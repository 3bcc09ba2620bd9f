import {
  endedJobsSchema,
  errorFacts,
  heartbeatAnswerSchema,
  TidemarkError,
  wireClaimAnswerSchema,
  type ClaimRequest,
  type FinishingRequest,
  type HeartbeatAnswer,
  type SettledReport,
  type WireClaimAnswer,
} from '@tidemark/contracts';
import { retry, systemClock, type Logger } from '@tidemark/platform';

import { InternalHttp } from './internal-http.js';

const PATIENT = {
  attempts: Infinity,
  firstDelayMillis: 100,
  maxDelayMillis: 2000,
  retriable: (error: unknown): boolean =>
    error instanceof TidemarkError && (errorFacts(error.code).retriable || isRefused(error)),
};

/** No error of the job: whoever gives the two of them their tokens can repair it meanwhile. */
function isRefused({ code }: TidemarkError): boolean {
  return code === 'UNAUTHENTICATED';
}

/** The internal side of the gateway. Every call may be repeated, so each is, until a gateway answers or `signal` aborts. */
export class GatewayClient {
  readonly #http: InternalHttp;

  constructor(
    private readonly url: string,
    private readonly options: { readonly token?: string | undefined; readonly log: Logger },
  ) {
    this.#http = new InternalHttp('the gateway', { token: options.token });
  }

  /** The answer, and when what it answers was sent, on the monotonic clock: the lease counts from the last sending. */
  async claim(
    jobId: string,
    claim: ClaimRequest,
    signal: AbortSignal,
  ): Promise<{ readonly answer: WireClaimAnswer; readonly sentAtMillis: number }> {
    let sentAtMillis = 0;
    const send = (): Promise<unknown> => {
      sentAtMillis = systemClock.monotonicMillis();
      return this.#tell({ method: 'POST', url: this.#urlOf(jobId, 'claim'), data: claim, signal });
    };
    return { answer: wireClaimAnswerSchema.parse(await retry(PATIENT, send, signal)), sentAtMillis };
  }

  /** Tried once: the next heartbeat comes anyway. */
  async heartbeat(jobId: string, fence: number, signal: AbortSignal): Promise<HeartbeatAnswer['verdict']> {
    const url = this.#urlOf(jobId, 'heartbeat');
    return heartbeatAnswerSchema.parse(await this.#http.json({ method: 'POST', url, data: { fence }, signal })).verdict;
  }

  async finishing(jobId: string, request: FinishingRequest, signal: AbortSignal): Promise<HeartbeatAnswer['verdict']> {
    const url = this.#urlOf(jobId, 'finishing');
    const send = (): Promise<unknown> => this.#tell({ method: 'POST', url, data: request, signal });
    return heartbeatAnswerSchema.parse(await retry(PATIENT, send, signal)).verdict;
  }

  /** Where no broker takes the report. Tried once: the caller tries both ways again. */
  async settled(report: SettledReport, signal: AbortSignal): Promise<void> {
    await this.#http.json({ method: 'POST', url: this.#urlOf(report.jobId, 'settled'), data: report, signal });
  }

  /** Those of these jobs that have ended. Tried once. */
  async ended(jobIds: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    const url = `${this.url}/internal/ended-jobs`;
    return endedJobsSchema.parse(await this.#http.json({ method: 'POST', url, data: { jobIds }, signal })).ended;
  }

  async #tell(call: Parameters<InternalHttp['json']>[0]): Promise<unknown> {
    return await this.#http.json(call).catch((error: unknown) => {
      if (error instanceof TidemarkError && isRefused(error)) {
        this.options.log.error({ err: error }, 'the gateway refuses this worker: TIDEMARK_WORKER_TOKEN');
      }
      throw error;
    });
  }

  #urlOf(jobId: string, verb: string): string {
    return `${this.url}/internal/jobs/${jobId}/${verb}`;
  }
}
