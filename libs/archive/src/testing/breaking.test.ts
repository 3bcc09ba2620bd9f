import { constants, zstdCompressSync } from 'node:zlib';

import type { ErrorCode, PartFacts } from '@tidemark/contracts';

import type { Manifest } from '../format/manifest-schema.js';
import { sha256Of } from '../format/sha256.js';
import { crafted, type Crafting } from './archives.test.js';
import { lineOf, row } from './rows.test.js';
import type { CraftedEnd, CraftedEntry, HeaderFields } from './zip-builder.test.js';

/** Support for the tests beside it (no test itself). Ways to break an archive in one place. */

export interface BrokenArchive {
  readonly code: ErrorCode;
  /** A piece of the message. */
  readonly says: string;
  readonly make: () => Promise<Buffer> | Buffer;
}

export const PART = 'parts/000001.copy.zst';
export const GOOD = lineOf(row());

export function damaged(says: string, crafting: Crafting): BrokenArchive {
  return { code: 'ARCHIVE_DAMAGED', says, make: () => crafted(crafting) };
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
