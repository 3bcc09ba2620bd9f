import { pipeline } from 'node:stream';

import { openArchive, type OpenedArchive } from '@tidemark/archive';
import type { Verified } from '@tidemark/contracts';
import type { ArchiveDraft, ArchiveSource } from '@tidemark/destinations';
import { PacedBytes } from '@tidemark/platform';

import type { AttemptContext } from '../attempt/attempt-context.js';

export interface Verification {
  /** What the archive says of itself. */
  readonly manifest: OpenedArchive['manifest'];
  readonly verified: Verified;
}

/** Parts that a sample has at the most; one of this many or fewer is read whole. */
const SAMPLE_PARTS = 8;

/** Reads the archive back from where it lies, all of it or as much as the settings say, before it counts as made. */
export async function verify(context: AttemptContext, draft: ArchiveDraft): Promise<Verification> {
  const { progress, signal, readBack } = context;
  progress.begin('VERIFYING');
  const source = paced(await draft.open(signal), context);
  try {
    const archive = await openArchive(source, { signal });
    const { manifest } = archive;
    const places = readBack === 'SAMPLE' ? samplePlaces(manifest.parts.length) : [...manifest.parts.keys()];
    const parts = places.map((place) => manifest.parts[place]);
    progress.begin('VERIFYING', {
      versions: parts.reduce((rows, part) => rows + (part?.rows ?? 0), 0),
      bytes: parts.reduce((bytes, part) => bytes + (part?.bytes ?? 0), 0),
    });
    await archive.verify({ depth: 'BYTES', places, signal, onPart: (part) => progress.add(part.rows, part.bytes) });
    await context.steps.made('read back');
    return { manifest, verified: places.length === manifest.parts.length ? 'EVERY_PART' : 'SAMPLE' };
  } finally {
    await source.close();
  }
}

/** As fast as it may be read, and then nothing is lent; over HTTP the destination sees to that itself, request by request. */
function paced(source: ArchiveSource, { destination, rateLimit }: AttemptContext): ArchiveSource {
  if (!rateLimit || destination.isRemote) return source;
  return {
    size: source.size,
    stream: (offset, length, signal) => {
      const bytes = new PacedBytes(rateLimit);
      pipeline(source.stream(offset, length, signal), bytes, () => undefined);
      return bytes;
    },
    close: () => source.close(),
  };
}

/** The first part, the last one, and others between them by chance; in their order. */
export function samplePlaces(count: number, random: () => number = Math.random): number[] {
  const chosen = new Set(count <= SAMPLE_PARTS ? Array.from({ length: count }, (_, place) => place) : [0, count - 1]);
  while (chosen.size < Math.min(count, SAMPLE_PARTS)) chosen.add(Math.floor(random() * count));
  return [...chosen].sort((a, b) => a - b);
}
