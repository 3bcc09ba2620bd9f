import type { BigIntStats } from 'node:fs';
import { constants, lstat, open, readdir, rename, statfs, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import { LinkInvalidError, NotFoundError } from '@tidemark/contracts';
import { errnoOf, Slots, unlessMissing } from '@tidemark/platform';

import { fileNameOf, nameOfFile } from '../archives/archive-name.js';
import type { Precondition } from '../archives/preconditions.js';
import { DepotFullError } from '../errors.js';

export interface ArchiveFacts {
  readonly name: string;
  readonly bytes: number;
  /** Strong; the same over restarts, another for each archive that gets the name. */
  readonly etag: string;
  readonly modifiedAtMicros: number;
}

export interface OpenedArchive extends ArchiveFacts {
  readonly handle: FileHandle;
}

const FOR_READING = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** What open says of a symbolic link, and of a socket. */
const NO_FILE = new Set(['ENOENT', 'ELOOP', 'ENXIO', 'EMLINK']);

/** The folder of whole archives. Nothing in it is followed: what is no regular file is not there. */
export class ArchiveFolder {
  /** One name is given at a time, so that what a caller expects to be there is. */
  readonly #naming = new Slots(1);

  constructor(readonly path: string) {}

  /** The caller closes the handle; it stays the same archive, whatever gets the name meanwhile. */
  async open(name: string): Promise<OpenedArchive | undefined> {
    const handle = await unlessNoFile(open(this.#at(name), FOR_READING));
    if (!handle) return undefined;
    try {
      const stats = await handle.stat({ bigint: true });
      if (stats.isFile()) return { ...factsOf(name, stats), handle };
    } catch (error) {
      await handle.close();
      throw error;
    }
    await handle.close();
    return undefined;
  }

  async look(name: string): Promise<ArchiveFacts | undefined> {
    const stats = await unlessMissing(lstat(this.#at(name), { bigint: true }));
    return stats?.isFile() ? factsOf(name, stats) : undefined;
  }

  /** In the order of their names. */
  async names(): Promise<string[]> {
    const files = await readdir(this.path);
    return files
      .map(nameOfFile)
      .filter((name) => name !== undefined)
      .sort();
  }

  /** Gives a synced file its name, durably; tells whether none had it. Throws what the precondition throws. */
  async publish(file: string, name: string, precondition: Precondition): Promise<{ readonly created: boolean }> {
    return await this.#naming.run(async () => {
      const stats = await unlessMissing(lstat(this.#at(name), { bigint: true }));
      if (stats && !stats.isFile()) throw new LinkInvalidError(name, 'what bears that name is no file');
      precondition(stats && factsOf(name, stats).etag);
      await rename(file, this.#at(name));
      await this.sync();
      return { created: stats === undefined };
    });
  }

  /** Throws NOT_FOUND, and what the precondition throws. */
  async remove(name: string, precondition: Precondition): Promise<void> {
    await this.#naming.run(async () => {
      const there = await this.look(name);
      precondition(there?.etag);
      if (!there) throw new NotFoundError(`archive ${name}`);
      await unlink(this.#at(name));
      await this.sync();
    });
  }

  /** Throws DESTINATION_FULL where so many bytes cannot be stored. */
  async checkRoom(bytes: number): Promise<void> {
    const freeBytes = await this.freeBytes();
    if (bytes > freeBytes) throw new DepotFullError({ wantedBytes: bytes, freeBytes });
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.path);
    return bavail * bsize;
  }

  /** Makes names survive a power cut. */
  async sync(): Promise<void> {
    const handle = await open(this.path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  #at(name: string): string {
    return join(this.path, fileNameOf(name));
  }
}

/** By which file it is and when it was sealed: an upload sets that time, to the microsecond. */
export function etagOf({ ino, size, mtimeNs }: BigIntStats): string {
  return `"${[ino, mtimeNs, size].map((each) => each.toString(36)).join('-')}"`;
}

function factsOf(name: string, stats: BigIntStats): ArchiveFacts {
  return {
    name,
    bytes: Number(stats.size),
    etag: etagOf(stats),
    modifiedAtMicros: Number(stats.mtimeNs / 1000n),
  };
}

async function unlessNoFile<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (NO_FILE.has(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}
