import { constants, zstdCompressSync } from 'node:zlib';

import type { ErrorCode, PartFacts } from '@tidemark/contracts';

import type { Manifest } from '../format/manifest-schema.js';
import { sha256Of } from '../format/sha256.js';
import { crafted, type Crafting } from './archives.test.js';
import { lineOf, row } from './rows.test.js';
import type { SparseBytes } from './sparse-bytes.test.js';
import type { CraftedEnd, CraftedEntry, HeaderFields } from './zip-builder.test.js';

/** Support for the tests beside it (no test itself). Ways to break an archive in one place. */

/**
 * Who refuses it: the reader as it opens it (OPENING) or reads a part (PART), the index before the first part (CLAIMS),
 * PostgreSQL's COPY (LOADING) or what looks at all rows together (BUILDING).
 */
export type RefusedAt = 'OPENING' | 'PART' | 'CLAIMS' | 'LOADING' | 'BUILDING';

export interface BrokenArchive {
  readonly code: ErrorCode;
  readonly refusedAt: RefusedAt;
  /** A piece of the message. */
  readonly says: string;
  /** Bytes that a reader may ask for until it is sure; {@link FEW_BYTES} unless given. */
  readonly mayAsk?: number;
  readonly make: () => Promise<Buffer | SparseBytes> | Buffer | SparseBytes;
}

/** Most of what is broken is seen in the end of the zip, its directory, or a small entry. */
export const FEW_BYTES = 512 * 1024;

export const PART = 'parts/000001.copy.zst';
export const GOOD = lineOf(row());

export function damaged(says: string, crafting: Crafting): BrokenArchive {
  return { code: 'ARCHIVE_DAMAGED', refusedAt: 'OPENING', says, make: () => crafted(crafting) };
}

/** Found only when the part is read. */
export function damagedPart(says: string, crafting: Crafting): BrokenArchive {
  return { ...damaged(says, crafting), refusedAt: 'PART' };
}

/** With one entry changed in its headers. */
export function withHeaders(name: string, local: HeaderFields, central: HeaderFields): Crafting {
  return { entries: (entries) => entries.map((entry) => (entry.name === name ? { ...entry, local, central } : entry)) };
}

export function withEntry(change: Partial<CraftedEntry> & { name: string }, at = 3): Crafting {
  const added = { content: Buffer.from('x'), ...change };
  return { entries: (entries) => entries.toSpliced(at, 0, added) };
}

export function without(name: string): Crafting {
  return { entries: (entries) => entries.filter((entry) => entry.name !== name) };
}

export function withEnd(end: CraftedEnd): Crafting {
  return { end };
}

export function withManifest(change: (manifest: Manifest) => unknown): Crafting {
  return { manifest: (manifest) => JSON.stringify(change(manifest)) };
}

/** One part of these lines, its facts right, in a frame of its own making. */
export function withPart(
  raw: string | Buffer,
  change: { content?: Buffer; facts?: Partial<PartFacts> } = {},
): Crafting {
  const content = change.content ?? frameOf(raw);
  const facts = {
    rows: Math.max(1, Buffer.from(raw).toString('latin1').split('\n').length - 1),
    bytes: content.length,
    rawBytes: Buffer.byteLength(raw),
    sha256: sha256Of(content),
    minUpdateTimeMicros: 1,
    maxUpdateTimeMicros: 1,
    ...change.facts,
  };
  return { parts: [{ facts, content }] };
}

export function frameOf(raw: string | Buffer, params: Record<number, number> = {}): Buffer {
  return zstdCompressSync(Buffer.from(raw), { params: { [constants.ZSTD_c_checksumFlag]: 1, ...params } });
}

export const zip64Extra = (...numbers: bigint[]): Buffer => {
  const extra = Buffer.alloc(4 + 8 * numbers.length);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(8 * numbers.length, 2);
  for (const [index, number] of numbers.entries()) extra.writeBigUInt64LE(number, 4 + 8 * index);
  return extra;
};

export const file = (name: string): CraftedEntry => ({ name, content: Buffer.from(name) });

/** Parts of these lines, everything about them as it is, and the manifest with so many documents. */
export function withLines(parts: readonly (string | Buffer)[], documents = 1): Crafting {
  return {
    parts: parts.map((raw) => packedLines(Buffer.from(raw))),
    manifest: (manifest) => JSON.stringify({ ...manifest, totals: { ...manifest.totals, documents } }),
  };
}

function packedLines(raw: Buffer): { facts: PartFacts; content: Buffer } {
  const content = frameOf(raw);
  const lines = raw.toString('latin1').split('\n').slice(0, -1);
  const stamps = lines.map((line) => Number(line.split('\t')[2])).filter((stamp) => Number.isSafeInteger(stamp));
  if (stamps.length === 0) stamps.push(1);
  const facts = {
    rows: lines.length,
    bytes: content.length,
    rawBytes: raw.length,
    sha256: sha256Of(content),
    minUpdateTimeMicros: Math.max(0, Math.min(...stamps)),
    maxUpdateTimeMicros: Math.max(0, ...stamps),
  };
  return { facts, content };
}
