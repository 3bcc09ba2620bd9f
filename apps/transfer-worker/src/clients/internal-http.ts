import type { Readable } from 'node:stream';

import axios, { isAxiosError, type AxiosInstance, type AxiosRequestConfig, type AxiosResponse } from 'axios';
import { json } from 'node:stream/consumers';

import { errorBodySchema, RemoteError, TidemarkError } from '@tidemark/contracts';
import { anySignal, retry, watchLife } from '@tidemark/platform';

import { OneBufferAgent } from './one-buffer-agent.js';

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

/** Another process of ours has taken a call, and gives no sign of life any more: it stands still, or the network is cut. */
export class ServiceSilentError extends TidemarkError {
  readonly code = 'INDEX_UNAVAILABLE';
  constructor(service: string, cause: unknown) {
    super(`${service} is silent`, { cause });
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

/** Says that the process runs; any answer does. */
const LIFE = '/core/health/live';

/** As long as a lease is where nothing is said. */
const SILENCE_MILLIS = 30_000;
/** For an opening: behind one name there may be several processes, and a sign of life be another one's. */
const OPENING_MILLIS = 60_000;

interface InternalHttpOptions {
  /** Goes with every call. */
  readonly token?: string | undefined;
  readonly silenceMillis?: number;
  /** The connections of another one. */
  readonly axios?: AxiosInstance;
}

type Call = AxiosRequestConfig & { readonly url: string; readonly signal?: AbortSignal };

/**
 * Calls to one service of ours: answers as streams, errors as the coded errors that the service threw. A call ends with
 * {@link ServiceSilentError} where the service gives no sign of life for `silenceMillis`, asked for it after as long;
 * until the last byte of its answer.
 */
export class InternalHttp {
  readonly #axios: AxiosInstance;
  readonly #silenceMillis: number;

  constructor(
    private readonly service: string,
    { token, silenceMillis = SILENCE_MILLIS, axios: shared = createAxios(token) }: InternalHttpOptions = {},
  ) {
    this.#axios = shared;
    this.#silenceMillis = silenceMillis;
  }

  /** Another patience, on the same connections. */
  within(silenceMillis: number): InternalHttp {
    return new InternalHttp(this.service, { silenceMillis, axios: this.#axios });
  }

  /** The answer with its body unread; one that is not 2xx is thrown. After `limitMillis` it is silence, too. */
  async request(call: Call, limitMillis?: number): Promise<AxiosResponse<Readable>> {
    const { signal: silent, ...watch } = watchLife((signal) => this.#askForLife(call.url, signal), {
      everyMillis: this.#silenceMillis,
      ...(limitMillis === undefined ? {} : { limitMillis }),
    });
    const unanswered = new AbortController();
    let body: Readable | undefined;
    silent.addEventListener('abort', () => {
      if (body) body.destroy(new ServiceSilentError(this.service, silent.reason));
      else unanswered.abort(silent.reason);
    });
    try {
      const signal = anySignal(call.signal, unanswered.signal);
      const answer = await this.#axios.request<Readable>({ ...call, signal });
      body = answer.data.once('close', () => watch.end());
      if (answer.status >= 200 && answer.status < 300) return answer;
      throw await this.#refusal(answer);
    } catch (error) {
      watch.end();
      if (unanswered.signal.aborted) throw new ServiceSilentError(this.service, silent.reason);
      throw this.#failure(error, call.signal);
    }
  }

  /** The body of an answer as JSON; undefined where it has none. */
  async json(config: Call, limitMillis?: number): Promise<unknown> {
    const { data, status } = await this.request(config, limitMillis);
    if (status === 204) {
      data.resume();
      return undefined;
    }
    return await json(data).catch((error: unknown) => {
      throw this.#failure(error, config.signal);
    });
  }

  /** As {@link json}, for the first call of an attempt: services may start in any order, and one that does is waited for. */
  async firstJson(config: Call & { readonly signal: AbortSignal }): Promise<unknown> {
    return await retry(WHILE_IT_STARTS, () => this.json(config, OPENING_MILLIS), config.signal);
  }

  async #askForLife(url: string, signal: AbortSignal): Promise<void> {
    const { data } = await this.#axios.request<Readable>({ url: new URL(LIFE, url).href, signal });
    data.resume();
  }

  #failure(error: unknown, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted) return signal.reason;
    const cause = isAxiosError(error) ? (error.cause ?? error) : error;
    return cause instanceof TidemarkError ? cause : new ServiceUnreachableError(this.service, cause);
  }

  async #refusal({ data, status }: AxiosResponse<Readable>): Promise<TidemarkError> {
    const body = errorBodySchema.safeParse(await json(data).catch(() => undefined));
    return body.success ? new RemoteError(body.data) : new ServiceUnreachableError(this.service, { status });
  }
}

function createAxios(token: string | undefined): AxiosInstance {
  return axios.create({
    ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
    httpAgent: new OneBufferAgent({ keepAlive: true, maxSockets: 64 }),
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
