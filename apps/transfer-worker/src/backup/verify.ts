import { openArchive, type OpenedArchive } from '@tidemark/archive';
import type { ArchiveDraft } from '@tidemark/destinations';

import type { AttemptContext } from '../attempt/attempt-context.js';

/** Reads the whole archive back from where it lies, before it counts as made; resolves with what it says of itself. */
export async function verify(context: AttemptContext, draft: ArchiveDraft): Promise<OpenedArchive['manifest']> {
  const { progress, signal } = context;
  progress.begin('VERIFYING');
  const source = await draft.open(signal);
  try {
    const archive = await openArchive(source, { signal });
    progress.begin('VERIFYING', { versions: archive.manifest.totals.versions, bytes: archive.bytes });
    await archive.verify({ depth: 'BYTES', signal, onPart: (part) => progress.add(part.rows, part.bytes) });
    return archive.manifest;
  } finally {
    await source.close();
  }
}
