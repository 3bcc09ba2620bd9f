import { finished } from 'node:stream/promises';

import type { ByteSource } from '../byte-source.js';
import type { ManifestPart } from '../format/manifest-schema.js';
import { decodePart } from '../part/decode-part.js';
import { streamEntry } from './entry-bytes.js';
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
  const stream =
    depth === 'BYTES'
      ? streamEntry(source, entry, { sha256: part.sha256, signal })
      : decodePart(streamEntry(source, entry, { signal }), part, { entry: part.name, ...(signal ? { signal } : {}) });
  await finished(stream.resume());
}
