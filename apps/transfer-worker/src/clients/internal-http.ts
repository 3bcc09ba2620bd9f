import { Agent } from 'node:http';
import type { Readable } from 'node:stream';

import axios, { isAxiosError, type AxiosInstance, type AxiosRequestConfig, type AxiosResponse } from 'axios';
import { json } from 'node:stream/consumers';

import { errorBodySchema, RemoteError, TidemarkError } from '@tidemark/contracts';
import { retry } from '@tidemark/platform';

/** Another process of ours did not answer: it is down, restarting, or the network is cut. */
export class ServiceUnreachableError extends TidemarkError {
  readonly code = 'INDEX_UNAVAILABLE';
  constructor(
    readonly service: string,
    cause: unknown,
  ) {
    super(`${service} cannot be reached`, { cause });
  }
}

/** Some seconds; nothing has been asked of a service that does not listen yet, so asking again is harmless. */
const WHILE_IT_STARTS = {
  attempts: 10,
  firstDelayMillis: 100,
  maxDelayMillis: 1000,
  retriable: (error: unknown): boolean =>
    error instanceof ServiceUnreachableError && (error.cause as { code?: unknown }).code === 'ECONNREFUSED',
};

/** Calls to one service of ours: answers as streams, errors as the coded errors that the service threw. */
export class InternalHttp {
  readonly #axios: AxiosInstance;

  /** `token` goes with every call. */
  constructor(
    private readonly service: string,
    token?: string,
  ) {
    this.#axios = axios.create({
      ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
      httpAgent: new Agent({ keepAlive: true, maxSockets: 64 }),
      proxy: false,
      maxRedirects: 0,
      decompress: false,
      maxBodyLength: Infinity,
      // Any limit, infinite ones too, would put a stream of axios's own in place of the answer and its trailers.
      maxContentLength: -1,
      responseType: 'stream',
      validateStatus: () => true,
    });
  }

  /** The answer with its body unread; one that is not 2xx is thrown. */
  async request(config: AxiosRequestConfig): Promise<AxiosResponse<Readable>> {
    const answer = await this.#axios.request<Readable>(config).catch((error: unknown) => {
      throw this.#failure(error, config.signal);
    });
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw await this.#refusal(answer);
  }

  /** The body of an answer as JSON; undefined where it has none. */
  async json(config: AxiosRequestConfig): Promise<unknown> {
    const { data, status } = await this.request(config);
    if (status === 204) {
      data.resume();
      return undefined;
    }
    return await json(data).catch((error: unknown) => {
      throw this.#failure(error, config.signal);
    });
  }

  /** As {@link json}, for the first call of an attempt: services may start in any order, and one that does is waited for. */
  async firstJson(config: AxiosRequestConfig & { readonly signal: AbortSignal }): Promise<unknown> {
    return await retry(WHILE_IT_STARTS, () => this.json(config), config.signal);
  }

  #failure(error: unknown, signal: AxiosRequestConfig['signal']): unknown {
    if (signal?.aborted && signal instanceof AbortSignal) return signal.reason;
    const cause = isAxiosError(error) ? (error.cause ?? error) : error;
    return cause instanceof TidemarkError ? cause : new ServiceUnreachableError(this.service, cause);
  }

  async #refusal({ data, status }: AxiosResponse<Readable>): Promise<TidemarkError> {
    const body = errorBodySchema.safeParse(await json(data).catch(() => undefined));
    return body.success ? new RemoteError(body.data) : new ServiceUnreachableError(this.service, { status });
  }
}
