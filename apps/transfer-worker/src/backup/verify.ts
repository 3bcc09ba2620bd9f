import { openArchive } from '@tidemark/archive';
import type { ArchiveDraft } from '@tidemark/destinations';

import type { AttemptContext } from '../attempt/attempt-context.js';
import type { PackedArchive } from './pack.js';

/** Reads the whole archive back from where it lies, before it gets its name. */
export async function verify(context: AttemptContext, draft: ArchiveDraft, packed: PackedArchive): Promise<void> {
  const { progress, signal } = context;
  const { versions } = packed.manifest.totals;
  progress.begin('VERIFYING', { versions, bytes: packed.bytes });
  const source = await draft.open(signal);
  try {
    const archive = await openArchive(source, { signal });
    await archive.verify({ depth: 'BYTES', signal, onPart: (part) => progress.add(part.rows, part.bytes) });
  } finally {
    await source.close();
  }
}
