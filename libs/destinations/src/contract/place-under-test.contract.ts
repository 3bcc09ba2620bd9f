import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';

import { expect } from '@jest/globals';

import type { ErrorCode } from '@tidemark/contracts';

import type { ArchiveDraft, ArchiveSource, AttemptId, Destination, SealedArchive } from '../destination.js';

/** One place for an archive, seen from outside. */
export interface PlaceUnderTest {
  /** Whether a transfer overwrites what lies there; elsewhere the old archive stays, also for its readers, until the finish. */
  readonly isOverwritten: boolean;
  /** Whether its sources lend memory. */
  readonly isLent: boolean;
  /** The destination as one more process would make it. */
  destination(): Destination;
  /** What lies at the destination. */
  content(): Promise<Buffer | undefined>;
  /** Lays an archive there, as a person would. */
  lay(content: Buffer): Promise<void>;
  /** Names of everything beside it. */
  temps(): Promise<string[]>;
  /** Overwrites a temp behind the product's back. */
  spoil(temp: string, content: Buffer): Promise<void>;
  remove(temp: string): Promise<void>;
  clear(): Promise<void>;
}

export const OLD = Buffer.from('the archive that was there before');
export const NEW = randomBytes(1_500_000);
export const go: AbortSignal = new AbortController().signal;

/** Compares by sums: Jest takes seconds to compare long buffers byte by byte. */
export function expectBytes(actual: Buffer | undefined, expected: Buffer): void {
  expect(actual && { bytes: actual.length, sha256: sha256(actual) }).toEqual({
    bytes: expected.length,
    sha256: sha256(expected),
  });
}

export async function sealedBy(destination: Destination, attempt: AttemptId, content: Buffer): Promise<SealedArchive> {
  const draft = await destination.draft(attempt, go);
  await write(draft, content);
  return draft.seal();
}

/** Sealed and brought to where it is read back. */
export async function transferredBy(
  destination: Destination,
  attempt: AttemptId,
  content: Buffer,
): Promise<SealedArchive> {
  const draft = await destination.draft(attempt, go);
  await write(draft, content);
  return transferred(draft);
}

export async function transferred(draft: ArchiveDraft): Promise<SealedArchive> {
  await draft.transfer(go);
  return draft.seal();
}

export async function write(draft: ArchiveDraft, content: Buffer): Promise<void> {
  const chunks = function* (): Generator<Buffer> {
    for (let at = 0; at < content.length; at += 100_000) yield content.subarray(at, at + 100_000);
  };
  await pipeline(Readable.from(chunks()), draft.output);
}

export async function readAll(source: ArchiveSource): Promise<Buffer> {
  const content = await buffer(source.stream(0, source.size));
  await source.close();
  return content;
}

/** What is lent, each chunk looked at only until the next one is asked for. */
export async function copied(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const copies: Buffer[] = [];
  for await (const chunk of chunks) copies.push(Buffer.from(chunk));
  return Buffer.concat(copies);
}

export async function expectCode(work: Promise<unknown>, code: ErrorCode): Promise<void> {
  await expect(work).rejects.toMatchObject({ code });
}

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
