import type { Readable } from 'node:stream';

import {
  buildStatusSchema,
  GRANT_HEADER,
  loadedPartSchema,
  partFactsToHeaders,
  stagedGenerationSchema,
  type BuildStatus,
  type LoadedPart,
  type OpenStagedRequest,
  type PartFacts,
  type StagedGeneration,
} from '@tidemark/contracts';

import type { InternalHttp } from './internal-http.js';

/** One staged generation at the index-service that owns it. */
export class StagingClient {
  private constructor(
    private readonly http: InternalHttp,
    readonly staged: StagedGeneration,
  ) {}

  static async open(
    http: InternalHttp,
    indexUrl: string,
    { request, grant, signal }: { request: OpenStagedRequest; grant: string; signal: AbortSignal },
  ): Promise<StagingClient> {
    const headers = { [GRANT_HEADER]: grant };
    const answer = await http.firstJson({
      method: 'POST',
      url: `${indexUrl}/staged-generations`,
      headers,
      data: request,
      signal,
    });
    return new StagingClient(http, stagedGenerationSchema.parse(answer));
  }

  /** Parts have numbers from 0. Where `bytes` fails, its error is thrown and not the broken connection's. */
  async push(
    part: number,
    { facts, bytes }: { facts: PartFacts; bytes: Readable },
    signal: AbortSignal,
  ): Promise<LoadedPart> {
    let failure: unknown;
    bytes.once('error', (error) => (failure = error));
    const headers = {
      ...partFactsToHeaders(facts),
      'content-type': 'application/octet-stream',
      'content-length': String(facts.bytes),
    };
    const url = `${this.staged.session}/parts/${part}`;
    const answer = await this.http
      .json({ method: 'PUT', url, headers, data: bytes, signal })
      .catch((error: unknown) => {
        throw failure ?? error;
      });
    return loadedPartSchema.parse(answer);
  }

  async startBuild(signal: AbortSignal): Promise<void> {
    await this.http.json({ method: 'POST', url: `${this.staged.session}/build`, signal });
  }

  async buildStatus(signal: AbortSignal): Promise<BuildStatus> {
    return buildStatusSchema.parse(await this.http.json({ url: `${this.staged.session}/build`, signal }));
  }

  async discard(): Promise<void> {
    await this.http.json({ method: 'DELETE', url: this.staged.session, signal: AbortSignal.timeout(5000) });
  }
}
