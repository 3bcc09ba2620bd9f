import { finished } from 'node:stream/promises';

import type { ByteSource } from '../byte-source.js';
import type { ManifestPart } from '../format/manifest-schema.js';
import { decodePart } from '../part/decode-part.js';
import { checkEntry, streamEntry } from './entry-bytes.js';
import type { ZipEntry } from './zip-entry.js';

/**
 * How deep to look: `BYTES` compares size, CRC-32 and SHA-256 of what lies there, enough right after a backup;
 * `ROWS` unpacks it as well and checks every row.
 */
export type VerifyDepth = 'BYTES' | 'ROWS';

interface PartToVerify {
  readonly part: ManifestPart;
  readonly entry: ZipEntry;
  readonly depth: VerifyDepth;
  readonly signal: AbortSignal | undefined;
}

export async function verifyPart(source: ByteSource, { part, entry, depth, signal }: PartToVerify): Promise<void> {
  if (depth === 'BYTES') return checkEntry(source, entry, { sha256: part.sha256, signal });
  const content = streamEntry(source, entry, { signal });
  await finished(decodePart(content, part, { entry: part.name, ...(signal ? { signal } : {}) }).resume());
}
