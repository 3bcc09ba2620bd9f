import type { ArchiveSource } from '@tidemark/destinations';

import type { AttemptContext } from '../attempt/attempt-context.js';

/** Opens what lies at the destination; where it has to be copied first, that is a phase of its own. */
export async function openDestination({ destination, progress, signal }: AttemptContext): Promise<ArchiveSource> {
  progress.begin('OPENING');
  let copied: number | undefined;
  const source = await destination.open(signal, (bytes, total) => {
    if (copied === undefined || bytes < copied) {
      progress.begin('DOWNLOADING', { versions: null, bytes: total ?? null });
      copied = 0;
    }
    progress.add(0, bytes - copied);
    copied = bytes;
  });
  if (copied !== undefined) progress.begin('OPENING');
  return source;
}
