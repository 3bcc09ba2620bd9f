import type { ArchiveDraft } from '@tidemark/destinations';

import type { AttemptContext } from '../attempt/attempt-context.js';

/** Sends the sealed archive to where it is read back from; one that lies there already is not sent, and no phase. */
export async function upload({ progress, steps, signal }: AttemptContext, draft: ArchiveDraft): Promise<void> {
  const { bytes } = await draft.seal();
  let hasBegun = false;
  await draft.transfer(signal, async (moved) => {
    if (!hasBegun) progress.begin('UPLOADING', { versions: null, bytes });
    hasBegun = true;
    progress.add(0, moved);
    if (moved > 0) await steps.made('chunk acknowledged');
  });
}
