import { randomUUID } from 'node:crypto';
import { open, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import { ensureFolder, writeAt } from '@tidemark/platform';

import type { ArchiveSource, OnCopied } from '../destination.js';
import { DestinationIgnoresRangesError } from '../errors.js';
import { withFileErrors } from '../file/errno.js';
import { FileSource } from '../file/file-source.js';
import type { HttpAnswer } from './answer.js';
import { FailedRequest } from './failures.js';

export interface CopyPlace {
  readonly spool: string;
  readonly display: string;
  /** Larger archives are not copied. */
  readonly copyBytes: number;
  readonly onCopied?: OnCopied | undefined;
}

/** The body of an answer as a file in the spool: one without a name, which goes with its handle. */
export async function copyWhole(answer: HttpAnswer, place: CopyPlace): Promise<ArchiveSource> {
  if ((answer.length ?? 0) > place.copyBytes) throw tooLarge(answer, place);
  const handle = await withFileErrors(place.display, 'SPOOLING', () => createNameless(place.spool));
  try {
    let at = 0;
    place.onCopied?.(at, answer.length);
    for await (const chunk of answer.chunks()) {
      if (at + chunk.length > place.copyBytes) throw tooLarge(answer, place);
      await withFileErrors(place.display, 'SPOOLING', () => writeAt(handle, chunk, at));
      at += chunk.length;
      place.onCopied?.(at, answer.length);
    }
    return new FileSource({ handle, stats: await handle.stat({ bigint: true }) }, place.display);
  } catch (error) {
    await handle.close();
    answer.destroy();
    throw error;
  }
}

async function createNameless(folder: string): Promise<FileHandle> {
  await ensureFolder(folder);
  const path = join(folder, `${randomUUID()}.copy`);
  const handle = await open(path, 'wx+', 0o600);
  await unlink(path);
  return handle;
}

function tooLarge(answer: HttpAnswer, { display, copyBytes }: CopyPlace): FailedRequest {
  answer.destroy();
  const reason = `it only sends whole archives, and this one is larger than ${copyBytes} bytes`;
  const coded = new DestinationIgnoresRangesError(display, reason);
  return new FailedRequest(coded, { worthwhile: false, mayHaveArrived: false });
}
