import { createReadStream } from 'node:fs';
import type { Writable } from 'node:stream';

import { partFactsSchema, type PartFacts, type SnapshotTotals } from '@tidemark/contracts';

import { ArchiveTooLargeError, ContentUnfitError } from '../errors.js';
import { MANIFEST, partName, README, SCHEMA, SUMS } from '../format/entry-names.js';
import { MAX_PARTS } from '../format/limits.js';
import { formatManifest, makeManifest } from '../format/manifest.js';
import { brokenPartRule } from '../format/manifest-rules.js';
import type { ArchiveHeader, Manifest } from '../format/manifest-schema.js';
import { README_TEXT } from '../format/readme-text.js';
import { SCHEMA_TEXT } from '../format/schema-text.js';
import { sha256Of } from '../format/sha256.js';
import { formatSums } from '../format/sums.js';
import { ZipOutput } from './zip-output.js';

const SLICE_BYTES = 256 * 1024;

/** A part that is wholly there and checked, with the facts it was encoded with. */
export interface PackedPart {
  readonly facts: PartFacts;
  /** The compressed bytes, whole or in pieces, or the file that holds exactly them; left alone until the part is done with. */
  readonly content: Buffer | readonly Buffer[] | { readonly path: string };
}

export interface WriteArchiveOptions {
  /** Ended when the archive is complete, destroyed otherwise. */
  readonly output: Writable;
  readonly header: ArchiveHeader;
  /**
   * In the order they shall have. A part is done with when the next one is asked for: the output has called back for
   * all of it, so that its memory may be used again. Not asked for any more after a failure; then its `return` is
   * called, and not waited for, and what the output had not taken yet may still be read.
   */
  readonly parts: AsyncIterable<PackedPart>;
  /** Asked once, after the last part. */
  readonly totals: () => Promise<SnapshotTotals>;
  /** A lower limit than {@link MAX_PARTS}. */
  readonly maxParts?: number;
  readonly signal?: AbortSignal;
}

export interface WrittenArchive {
  readonly manifest: Manifest;
  readonly manifestSha256: string;
}

/**
 * Writes an archive. Parts without rows are left out. Rejects as soon as anything fails (the output, the parts, the
 * signal) with the first failure. Holds a few buffers and a line per part, whatever the size.
 */
export async function writeArchive(options: WriteArchiveOptions): Promise<WrittenArchive> {
  const zip = new ZipOutput(options.output, options.signal);
  try {
    return await writeEntries(zip, options);
  } catch (error) {
    throw zip.fail(error);
  }
}

async function writeEntries(zip: ZipOutput, options: WriteArchiveOptions): Promise<WrittenArchive> {
  await zip.append(README, Buffer.from(README_TEXT));
  await zip.append(SCHEMA, Buffer.from(SCHEMA_TEXT));
  const facts = await appendParts(zip, options);
  const manifest = makeManifest(options.header, facts, await zip.orFailed(options.totals()));
  const manifestText = formatManifest(manifest);
  const sums = { readme: sha256Of(README_TEXT), schema: sha256Of(SCHEMA_TEXT), manifest: sha256Of(manifestText) };
  await zip.append(MANIFEST, Buffer.from(manifestText));
  await zip.append(SUMS, Buffer.from(formatSums(manifest, sums)));
  await zip.finish();
  return { manifest, manifestSha256: sums.manifest };
}

async function appendParts(zip: ZipOutput, options: WriteArchiveOptions): Promise<PartFacts[]> {
  const { parts, maxParts = MAX_PARTS } = options;
  const facts: PartFacts[] = [];
  const iterator = parts[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await zip.orFailed(iterator.next());
      if (next.done) return facts;
      if (next.value.facts.rows === 0) continue;
      if (facts.length >= maxParts) throw new ArchiveTooLargeError('too many parts; make them larger', maxParts);
      facts.push(await appendPart(zip, next.value, facts.length));
    }
  } catch (error) {
    iterator.return?.().catch(() => undefined);
    throw error;
  }
}

/** Checks the facts before the content is written, and not only with the manifest at the end. */
async function appendPart(zip: ZipOutput, part: PackedPart, index: number): Promise<PartFacts> {
  const name = partName(index);
  const parsed = partFactsSchema.safeParse(part.facts);
  if (!parsed.success) throw new ContentUnfitError(`the facts of ${name} are not facts of a part`);
  const facts = parsed.data;
  const broken = brokenPartRule({ name, ...facts }, index);
  if (broken) throw new ContentUnfitError(broken);
  const bytes = await appendContent(zip, name, part.content);
  if (bytes !== facts.bytes)
    throw new ContentUnfitError(`${name} has ${bytes} bytes where its facts say ${facts.bytes}`);
  return facts;
}

/** Always in pieces, so that where a part was kept does not show in the bytes of the archive. */
async function appendContent(zip: ZipOutput, name: string, content: PackedPart['content']): Promise<number> {
  if (!('path' in content)) return zip.append(name, slicesOf(Buffer.isBuffer(content) ? [content] : content));
  const file = createReadStream(content.path, { highWaterMark: SLICE_BYTES });
  try {
    return await zip.append(name, file as AsyncIterable<Buffer>);
  } finally {
    file.destroy();
  }
}

function* slicesOf(pieces: readonly Buffer[]): Generator<Buffer> {
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += SLICE_BYTES) yield piece.subarray(at, at + SLICE_BYTES);
  }
}
