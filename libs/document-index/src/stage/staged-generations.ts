import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';

import type pg from 'pg';

import {
  toErrorBody,
  asTidemarkError,
  type BuildStatus,
  type LoadedPart,
  type OpenStagedRequest,
} from '@tidemark/contracts';
import type { Logger } from '@tidemark/platform';

import { endEarlierSessions, workingForLong } from '../catalog/attempts.js';
import { generationKey, LOCKS } from '../catalog/locks.js';
import { SessionGoneError } from '../errors.js';
import type { Connections } from '../postgres/connections.js';
import { coded, withClient } from '../postgres/transaction.js';
import { buildGeneration } from './build-generation.js';
import { loadPart } from './load-part.js';
import { openStaged, type OpenedStaged } from './open-staged.js';

interface Session extends OpenedStaged {
  readonly request: OpenStagedRequest;
  /** That somebody was told are loaded. */
  readonly parts: Set<number>;
  /** Holds the owners' lock, so that no sweep drops the generation. A built one needs none: it may wait for a day. */
  owner: pg.PoolClient | undefined;
  readonly idleSince: NodeJS.Timeout;
  readonly onLost: () => void;
  build: BuildStatus | undefined;
  /** Resolves when the build under way has ended, one way or the other. */
  building: Promise<void>;
}

export interface OpenedStagedSession extends OpenedStaged {
  /** 128 random bits; knows it who may load and build. */
  readonly sessionId: string;
}

/** Longer than the longest back-off between two attempts and a lease together. */
const IDLE_MILLIS = 180_000;

/** The staged generations that this process owns. */
export class StagedGenerations {
  readonly #sessions = new Map<string, Session>();

  constructor(
    private readonly connections: Connections,
    private readonly options: { indexId: number; parallelism: number; log: Logger; idleMillis?: number },
  ) {}

  /** As {@link openStaged}; sessions of earlier attempts of the job end. */
  async open(request: OpenStagedRequest, signal?: AbortSignal): Promise<OpenedStagedSession> {
    await this.#closeEarlier(request);
    const index = { pool: this.connections.sessions, indexId: this.options.indexId };
    const opened = await openStaged(index, request, signal);
    const owner = await this.#own(opened.generation, request);
    const sessionId = randomBytes(16).toString('hex');
    const onLost = (): void => void this.close(sessionId);
    owner.on('error', onLost);
    const idleSince = setTimeout(onLost, this.options.idleMillis ?? IDLE_MILLIS).unref();
    this.#sessions.set(sessionId, {
      ...opened,
      request,
      parts: new Set(opened.loadedParts),
      owner,
      idleSince,
      onLost,
      build: undefined,
      building: Promise.resolve(),
    });
    return { sessionId, ...opened };
  }

  /** As {@link loadPart}. */
  async load(sessionId: string, part: number, rows: Readable): Promise<LoadedPart> {
    const { generation, request, parts } = this.#use(sessionId);
    const { jobId, fence } = request;
    const loaded = await loadPart(this.connections.parts, { generation, jobId, fence, part }, rows);
    parts.add(part);
    return loaded;
  }

  /** Starts building, once; {@link buildStatus} tells how it goes. */
  build(sessionId: string): void {
    const session = this.#use(sessionId);
    if (session.build && session.build.state !== 'FAILED') return;
    session.build = { state: 'RUNNING', step: 'starting' };
    session.building = this.#build(session);
  }

  /** How the build goes; of one that was never started, that it is about to. */
  buildStatus(sessionId: string): BuildStatus {
    return statusOf(this.#use(sessionId));
  }

  /** How the build ended, or how it goes when the signal aborts before; of a session that is lost meanwhile, too. */
  async built(sessionId: string, waitOver?: AbortSignal): Promise<BuildStatus> {
    const session = this.#use(sessionId);
    await (waitOver ? Promise.race([session.building, whenAborted(waitOver)]) : session.building);
    return statusOf(session);
  }

  /** Gives the staged generation up, whatever is being done to it: the sweep drops it. */
  async discard(sessionId: string): Promise<void> {
    const session = this.#sessions.get(sessionId);
    if (!session) return;
    await this.close(sessionId);
    const { jobId, fence } = session.request;
    await withClient(this.connections.sessions, async (client) => {
      await endEarlierSessions(client, { jobId, fence: fence + 1 });
      await client.query(
        `UPDATE catalog.generation SET phase = 'DROPPING', job_id = NULL
          WHERE id = $1 AND fence = $2 AND phase IN ('STAGED', 'BUILT')`,
        [session.generation, fence],
      );
    });
  }

  /** Ends the session; the generation stays for the next attempt or the sweep. */
  async close(sessionId: string): Promise<void> {
    const session = this.#sessions.get(sessionId);
    if (!session) return;
    this.#sessions.delete(sessionId);
    clearTimeout(session.idleSince);
    await disown(session);
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#sessions.keys()].map((sessionId) => this.close(sessionId)));
  }

  async #build(session: Session): Promise<void> {
    const { generation, request, parts } = session;
    const whole = request.boundaryMicros === null;
    try {
      const built = await buildGeneration(
        this.connections.sessions,
        {
          generation,
          jobId: request.jobId,
          fence: request.fence,
          loadedParts: parts.size,
          expectedVersions: whole ? request.archive.versions : null,
          expectedDocuments: whole ? request.archive.documents : null,
        },
        {
          parallelism: this.options.parallelism,
          onStep: (step) => {
            session.build = { state: 'RUNNING', step };
          },
        },
      );
      await disown(session);
      session.build = { state: 'DONE', ...built };
    } catch (error) {
      this.options.log.warn({ err: error, generation }, 'a staged generation could not be built');
      session.build = { state: 'FAILED', error: toErrorBody(asTidemarkError(error)) };
    }
  }

  async #own(generation: number, request: OpenStagedRequest): Promise<pg.PoolClient> {
    const owner = await this.connections.sessions.connect().catch((error: unknown) => {
      throw coded(error);
    });
    try {
      await owner.query(workingForLong(request));
      await owner.query(`SELECT pg_advisory_lock_shared(${LOCKS.stagedOwner}, ${generationKey(generation)})`);
      return owner;
    } catch (error) {
      owner.release(true);
      throw coded(error);
    }
  }

  async #closeEarlier({ jobId, fence }: OpenStagedRequest): Promise<void> {
    const earlier = [...this.#sessions].filter(([, { request }]) => request.jobId === jobId && request.fence < fence);
    await Promise.all(earlier.map(([sessionId]) => this.close(sessionId)));
  }

  #use(sessionId: string): Session {
    const session = this.#sessions.get(sessionId);
    if (!session) throw new SessionGoneError('the staged generation');
    session.idleSince.refresh();
    return session;
  }
}

function statusOf({ build }: Session): BuildStatus {
  return build ?? { state: 'RUNNING', step: 'not started' };
}

/** Gives the owners' lock and its connection back. */
async function disown(session: Session): Promise<void> {
  const { owner } = session;
  if (!owner) return;
  session.owner = undefined;
  owner.off('error', session.onLost);
  const unlocked = await owner.query(`SELECT pg_advisory_unlock_all(); RESET application_name`).then(
    () => true,
    () => false,
  );
  owner.release(!unlocked);
}

function whenAborted(signal: AbortSignal): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  if (signal.aborted) resolve(undefined);
  else signal.addEventListener('abort', resolve, { once: true });
  return promise;
}
