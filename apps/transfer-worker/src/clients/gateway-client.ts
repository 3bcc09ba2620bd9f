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
import { retry, type Logger } from '@tidemark/platform';

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
    this.#http = new InternalHttp('the gateway', options.token);
  }

  async claim(jobId: string, claim: ClaimRequest, signal: AbortSignal): Promise<WireClaimAnswer> {
    return wireClaimAnswerSchema.parse(await this.#post(jobId, 'claim', { data: claim, signal }));
  }

  /** Tried once: the next heartbeat comes anyway. */
  async heartbeat(jobId: string, fence: number, signal: AbortSignal): Promise<HeartbeatAnswer['verdict']> {
    const url = this.#urlOf(jobId, 'heartbeat');
    return heartbeatAnswerSchema.parse(await this.#http.json({ method: 'POST', url, data: { fence }, signal })).verdict;
  }

  async finishing(jobId: string, request: FinishingRequest, signal: AbortSignal): Promise<HeartbeatAnswer['verdict']> {
    return heartbeatAnswerSchema.parse(await this.#post(jobId, 'finishing', { data: request, signal })).verdict;
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

  async #post(jobId: string, verb: string, { data, signal }: { data: object; signal: AbortSignal }): Promise<unknown> {
    const url = this.#urlOf(jobId, verb);
    return await retry(PATIENT, () => this.#tell({ method: 'POST', url, data, signal }), signal);
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
