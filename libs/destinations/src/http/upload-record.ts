import { open, readFile, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

import { unlessMissing } from '@tidemark/platform';

import { withFileErrors } from '../file/errno.js';

/** A line beside those of chunks. */
const HELD_BACK = 'held back';
/** A line that a full disk or a power cut has torn makes none of these with the next one behind it. */
const CHUNK = /^chunk (\d{1,15})$/;

/** What is uploaded, and cut into which chunks. */
export interface Upload {
  readonly sha256: string;
  readonly bytes: number;
  readonly chunkBytes: number;
}

/** What is written in a record. */
interface Recorded {
  readonly upload: Upload;
  readonly chunks: Set<number>;
  /** The destination keeps what lay there until the last byte has come. */
  readonly isHeldBack: boolean;
}

interface RecordAt {
  readonly display: string;
  readonly chunks: Set<number>;
  readonly isContinued: boolean;
  isHeldBack: boolean;
}

/**
 * Which chunks of an archive its destination has acknowledged: a file beside the spooled archive. It is there before
 * the first byte is sent, and a line is synced for each chunk, so that an upload goes on after its process was killed.
 */
export class UploadRecord {
  private constructor(
    private readonly handle: FileHandle,
    readonly upload: Upload,
    private readonly at: RecordAt,
  ) {}

  /** Continues the record at `path` where it is of the same bytes, by the chunks of that time; else begins one. */
  static async open(path: string, wanted: Upload, display: string): Promise<UploadRecord> {
    return withFileErrors(display, 'SPOOLING', async () => {
      const found = await readRecord(path);
      if (found?.upload.sha256 === wanted.sha256 && found.upload.bytes === wanted.bytes) {
        const handle = await open(path, 'a');
        const { chunks, isHeldBack } = found;
        return new UploadRecord(handle, found.upload, { display, chunks, isHeldBack, isContinued: true });
      }
      const none = { display, chunks: new Set<number>(), isHeldBack: false, isContinued: false };
      const record = new UploadRecord(await open(path, 'w', 0o600), wanted, none);
      await record.#begin(path);
      return record;
    });
  }

  /** Whether some of it may have been sent before. */
  get isContinued(): boolean {
    return this.at.isContinued;
  }

  /** Whether the destination is known to keep what lay there until the last byte has come. */
  get isHeldBack(): boolean {
    return this.at.isHeldBack;
  }

  get acknowledgedCount(): number {
    return this.at.chunks.size;
  }

  get chunkCount(): number {
    return Math.ceil(this.upload.bytes / this.upload.chunkBytes);
  }

  /** Numbers of the chunks to send, the lowest first. */
  pending(): number[] {
    return Array.from({ length: this.chunkCount }, (_, chunk) => chunk).filter((chunk) => !this.at.chunks.has(chunk));
  }

  rangeOf(chunk: number): { start: number; end: number } {
    const start = chunk * this.upload.chunkBytes;
    return { start, end: Math.min(start + this.upload.chunkBytes, this.upload.bytes) };
  }

  async acknowledged(chunk: number): Promise<void> {
    await this.#append(`chunk ${chunk}`);
    this.at.chunks.add(chunk);
  }

  /** The destination has said that it shows nothing of this upload before the last byte has come. */
  async heldBack(): Promise<void> {
    if (this.at.isHeldBack) return;
    this.at.isHeldBack = true;
    await this.#append(HELD_BACK);
  }

  /** Nothing counts as acknowledged any more, and nothing is known of the destination. */
  async forget(): Promise<void> {
    this.at.chunks.clear();
    this.at.isHeldBack = false;
    await withFileErrors(this.at.display, 'SPOOLING', async () => {
      await this.handle.truncate(0);
      await this.#writeHead();
    });
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  async #begin(path: string): Promise<void> {
    await this.#writeHead();
    const folder = await open(dirname(path));
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  async #append(line: string): Promise<void> {
    await withFileErrors(this.at.display, 'SPOOLING', async () => {
      await this.handle.appendFile(`${line}\n`);
      await this.handle.datasync();
    });
  }

  async #writeHead(): Promise<void> {
    await this.handle.appendFile(`${JSON.stringify(this.upload)}\n`);
    await this.handle.sync();
  }
}

/** Undefined where there is none that can be used; what was being written when its process died does not count. */
export async function readRecord(path: string): Promise<Recorded | undefined> {
  const text = await unlessMissing(readFile(path, 'utf8'));
  const [head = '', ...lines] = (text ?? '').split('\n').slice(0, -1);
  const upload = parseHead(head);
  const chunks = new Set(lines.flatMap((line) => CHUNK.exec(line)?.[1] ?? []).map(Number));
  return upload && { upload, chunks, isHeldBack: lines.includes(HELD_BACK) };
}

function parseHead(head: string): Upload | undefined {
  const [, sha256, bytes, chunkBytes] =
    /^\{"sha256":"([0-9a-f]{64})","bytes":(\d{1,16}),"chunkBytes":([1-9]\d{0,15})\}$/.exec(head) ?? [];
  return sha256 === undefined ? undefined : { sha256, bytes: Number(bytes), chunkBytes: Number(chunkBytes) };
}
