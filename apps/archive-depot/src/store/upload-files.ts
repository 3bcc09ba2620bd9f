import { randomUUID } from 'node:crypto';
import { open, readdir, readFile, rename, stat, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { unlessMissing, type Clock } from '@tidemark/platform';

import { withRoom } from '../errors.js';
import { etagOf, type ArchiveFolder } from './archive-folder.js';

const offset = z.int().nonnegative();
const recordSchema = z.object({
  /** What chunks belong together by: see `uploads.ts`. */
  key: z.string(),
  name: z.string(),
  total: offset,
  /** As the sender named the upload, if it did. */
  upload: z.string().optional(),
  /** Of the sender's job, the latest that sent a chunk, if it said so. */
  attempt: z.object({ job: z.string(), fence: offset }).optional(),
  /** Slices, start and exclusive end, whose bytes are on the disk. */
  covered: z.array(z.tuple([offset, offset])),
  /** Of the archive that it has become, or is about to. */
  etag: z.string().optional(),
});
export type UploadRecord = z.infer<typeof recordSchema>;

export interface StoredUpload {
  readonly files: UploadFiles;
  readonly record: UploadRecord;
  readonly hasPart: boolean;
  /** When the record was last written. */
  readonly writtenMicros: number;
}

const MODE = 0o600;
const OWN_FILE = /^\.(?<id>[0-9a-f-]{36})\.(part|coverage|coverage-new)$/;

/** The files of one upload beside the archives: what has come of it, and the record that says which bytes these are. */
export class UploadFiles {
  readonly part: string;
  readonly #record: string;

  constructor(
    private readonly folder: ArchiveFolder,
    id: string = randomUUID(),
  ) {
    this.part = join(folder.path, `.${id}.part`);
    this.#record = join(folder.path, `.${id}.coverage`);
  }

  /** Of its full length, without room on the disk for it yet. */
  async createPart(total: number): Promise<FileHandle> {
    const handle = await open(this.part, 'wx+', MODE);
    try {
      await handle.truncate(total);
      return handle;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async openPart(): Promise<FileHandle> {
    return await open(this.part, 'r+');
  }

  /** Takes the place of the record before, durably. */
  async writeRecord(record: UploadRecord): Promise<void> {
    const handle = await open(`${this.#record}-new`, 'w', MODE);
    try {
      await handle.writeFile(JSON.stringify(record));
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(`${this.#record}-new`, this.#record);
    await this.folder.sync();
  }

  async removeRecord(): Promise<void> {
    await unlessMissing(unlink(this.#record));
  }

  async remove(): Promise<void> {
    for (const file of [this.#record, `${this.#record}-new`, this.part]) await unlessMissing(unlink(file));
  }

  /** Undefined where there is none, or none that can be understood, or where its part is of another length. */
  async read(): Promise<StoredUpload | undefined> {
    const text = await unlessMissing(readFile(this.#record, 'utf8'));
    const record = recordSchema.safeParse(text === undefined ? undefined : parsed(text)).data;
    if (!record) return undefined;
    const [part, written] = await Promise.all([unlessMissing(stat(this.part)), stat(this.#record)]);
    if (part && part.size !== record.total) return undefined;
    return { files: this, record, hasPart: part !== undefined, writtenMicros: written.mtimeMs * 1000 };
  }
}

/** Syncs a part that is whole and gives it the time of now; returns the entity tag of the archive that it becomes. */
export async function sealPart(handle: FileHandle, clock: Clock): Promise<string> {
  const now = clock.nowMicros() / 1e6;
  await handle.utimes(now, now);
  await withRoom(() => handle.sync());
  return etagOf(await handle.stat({ bigint: true }));
}

/** Every upload that has files in the folder. */
export async function findUploadFiles(folder: ArchiveFolder): Promise<UploadFiles[]> {
  const ids = (await readdir(folder.path)).map((file) => OWN_FILE.exec(file)?.groups?.id);
  return [...new Set(ids.filter((id) => id !== undefined))].map((id) => new UploadFiles(folder, id));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
