import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { SpoolFullError } from '@tidemark/destinations';
import { ConfigError, ensureFolder, isDiskFull, systemClock } from '@tidemark/platform';

/** Files of one attempt, for what is too large for memory; gone with it. */
export interface Spool {
  /** A new file; its path is told by the stream. */
  create(name: string): WriteStream;
  remove(path: string): Promise<void>;
  /** Removes everything of the attempt. */
  dispose(): Promise<void>;
}

/** The spool folder of a worker. It belongs to one process at a time. */
export class SpoolFolder {
  constructor(private readonly folder: string) {}

  /** For archives on their way to destinations over HTTP: an attempt goes on with what the one before it had sent. */
  get uploads(): string {
    return join(this.folder, UPLOADS);
  }

  /** Makes the folder, and empties it of what dead attempts left. Throws ConfigError where it cannot be made. */
  async prepare(): Promise<void> {
    await ensureFolder(this.folder).catch((error: unknown) => {
      throw new ConfigError(`TIDEMARK_SPOOL: the folder cannot be used: ${messageOf(error)}`, { cause: error });
    });
    for (const name of await readdir(this.folder)) {
      if (ATTEMPT.test(name)) await rm(join(this.folder, name), { recursive: true, force: true });
    }
    await this.#removeAbandonedUploads();
  }

  /** Removes what was on its way for jobs that have ended, as `endedOf` tells; nobody goes on with it. */
  async removeEnded(endedOf: (jobIds: string[]) => Promise<readonly string[]>): Promise<void> {
    const names = await readdir(this.uploads).catch(() => []);
    const byName = new Map(names.map((name) => [name, UPLOAD.exec(name)?.groups?.jobId]));
    const jobIds = [...new Set(byName.values())].filter((id) => id !== undefined).slice(0, ASKED_AT_ONCE);
    if (jobIds.length === 0) return;
    const ended = new Set(await endedOf(jobIds));
    for (const [name, jobId] of byName) {
      if (jobId !== undefined && ended.has(jobId)) await rm(join(this.uploads, name), { force: true });
    }
  }

  async forAttempt({ jobId, fence }: { jobId: string; fence: number }): Promise<Spool> {
    const folder = join(this.folder, `${jobId}.${fence}`);
    await mkdir(folder, { recursive: true, mode: 0o700 }).catch(throwCoded);
    return {
      create: (name) => createWriteStream(join(folder, name), { flags: 'wx', mode: 0o600 }),
      remove: (path) => rm(path, { force: true }),
      dispose: () => rm(folder, { recursive: true, force: true }),
    };
  }

  async #removeAbandonedUploads(): Promise<void> {
    const names = await readdir(this.uploads).catch(() => []);
    for (const path of names.map((name) => join(this.uploads, name))) {
      const { mtimeMs } = await stat(path);
      if (systemClock.nowMicros() / 1000 - mtimeMs > ABANDONED_MILLIS) await rm(path, { force: true });
    }
  }
}

const UPLOADS = 'uploads';
/** No attempt of a job comes so late. */
const ABANDONED_MILLIS = 24 * 60 * 60_000;
/** A temp of libs/destinations, and what is written beside it. */
const UPLOAD = /\.(?<jobId>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.\d+\.part(?:\.sent)?$/;
const ASKED_AT_ONCE = 1000;
const ATTEMPT = /^[0-9a-f-]{36}\.[0-9]+$/;

/** The coded error of a failed write into the spool. */
export function spoolError(error: unknown): unknown {
  return isDiskFull(error) ? new SpoolFullError(error) : error;
}

function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
}

function throwCoded(error: unknown): never {
  throw spoolError(error);
}
