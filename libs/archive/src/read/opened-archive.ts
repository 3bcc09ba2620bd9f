import type { Readable } from 'node:stream';

import type { ByteSource } from '../byte-source.js';
import type { Manifest, ManifestPart } from '../format/manifest-schema.js';
import { streamEntry } from './entry-bytes.js';
import { verifyPart, type VerifyDepth } from './verify-part.js';
import type { ZipEntry } from './zip-entry.js';

export interface VerifyOptions {
  /** `ROWS` unless given. */
  readonly depth?: VerifyDepth;
  /** Places of the parts to read; all of them unless given. */
  readonly places?: readonly number[];
  readonly signal?: AbortSignal;
  /** Called after each part that was found sound, in their order. */
  readonly onPart?: (part: ManifestPart, index: number) => void;
}

interface Opened {
  readonly manifest: Manifest;
  readonly manifestSha256: string;
  /** Of the parts, in the order of the manifest. */
  readonly entries: readonly ZipEntry[];
}

/** An archive that may be trusted but for the content of its parts, which is checked as it is read. */
export class OpenedArchive {
  readonly manifest: Manifest;
  readonly manifestSha256: string;
  readonly #entries: readonly ZipEntry[];

  constructor(
    private readonly source: ByteSource,
    { manifest, manifestSha256, entries }: Opened,
  ) {
    this.manifest = manifest;
    this.manifestSha256 = manifestSha256;
    this.#entries = entries;
  }

  /** Size of the whole archive. */
  get bytes(): number {
    return this.source.size;
  }

  get parts(): readonly ManifestPart[] {
    return this.manifest.parts;
  }

  /**
   * A part's compressed bytes, by its place from 0. Ends only when size, CRC-32 and SHA-256 were right; what is inside
   * is for `decodePart` to check.
   */
  streamPart(index: number, signal?: AbortSignal): Readable {
    const { part, entry } = this.#at(index);
    return streamEntry(this.source, entry, { sha256: part.sha256, signal });
  }

  /** Reads parts to their ends; throws the first error. With what opening checked, no byte of the whole that matters is left out. */
  async verify({ depth = 'ROWS', places = [...this.parts.keys()], signal, onPart }: VerifyOptions = {}): Promise<void> {
    for (const index of places) {
      const { part, entry } = this.#at(index);
      await verifyPart(this.source, { part, entry, depth, signal });
      onPart?.(part, index);
    }
  }

  #at(index: number): { part: ManifestPart; entry: ZipEntry } {
    const [part, entry] = [this.parts[index], this.#entries[index]];
    if (!part || !entry) throw new RangeError(`the archive has ${this.parts.length} parts, and none at ${index}`);
    return { part, entry };
  }
}
