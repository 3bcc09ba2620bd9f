import { Agent } from 'node:http';

import axios, { type AxiosInstance, type AxiosRequestConfig } from 'axios';

import {
  errorBodySchema,
  GRANT_HEADER,
  indexFiguresSchema,
  RemoteError,
  switchAnswerSchema,
  undoAnswerSchema,
  type IndexFigures,
  type SwitchAnswer,
  type SwitchRequest,
  type UndoAnswer,
  type UndoRequest,
} from '@tidemark/contracts';

import { watchLife } from '@tidemark/platform';

import type { Grants } from './grants.js';
import { IndexUnavailableError } from './index-errors.js';

/**
 * The gateway's own questions to the index-service. Each throws the error that the index-service answered with, or
 * INDEX_UNAVAILABLE where there was no answer before the signal, or no sign of life for a while.
 */
export class IndexClient {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #axios: AxiosInstance;

  constructor(
    url: string,
    private readonly grants: Grants,
    private readonly silenceMillis: number,
  ) {
    this.#axios = axios.create({
      baseURL: url,
      httpAgent: this.#agent,
      proxy: false,
      maxRedirects: 0,
      validateStatus: () => true,
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  async figures(signal: AbortSignal): Promise<IndexFigures> {
    return indexFiguresSchema.parse(await this.#call({ url: '/figures', signal }));
  }

  /** Decided once for each job: asked again, it answers the same. */
  async switch(request: SwitchRequest, signal: AbortSignal): Promise<SwitchAnswer> {
    return switchAnswerSchema.parse(await this.#call({ method: 'POST', url: '/switch', data: request, signal }));
  }

  async undo(request: UndoRequest, signal: AbortSignal): Promise<UndoAnswer> {
    return undoAnswerSchema.parse(await this.#call({ method: 'POST', url: '/undo', data: request, signal }));
  }

  async #call(config: AxiosRequestConfig & { readonly signal: AbortSignal }): Promise<unknown> {
    const watch = watchLife((signal) => this.#axios.get('/core/health/live', { signal }), {
      everyMillis: this.silenceMillis,
    });
    const signal = AbortSignal.any([config.signal, watch.signal]);
    const { status, data } = await this.#axios
      .request<unknown>({ ...config, signal, headers: { [GRANT_HEADER]: this.grants.own() } })
      .catch((error: unknown) => {
        throw new IndexUnavailableError(error);
      })
      .finally(() => watch.end());
    if (status === 200) return data;
    const body = errorBodySchema.safeParse(data);
    throw body.success ? new RemoteError(body.data) : new IndexUnavailableError({ status });
  }
}
