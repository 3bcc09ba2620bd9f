import { writeAt, type Clock } from '@tidemark/platform';

import type { Precondition } from '../archives/preconditions.js';
import { withRoom } from '../errors.js';
import type { ArchiveFolder } from './archive-folder.js';
import { sealPart, UploadFiles } from './upload-files.js';
import type { Whole } from './upload.js';

export interface WholeCall {
  readonly name: string;
  readonly body: AsyncIterable<Uint8Array>;
  /** Where the sender says it. */
  readonly length: number | undefined;
  readonly precondition: Precondition;
}

/** An archive in one piece. Where it fails, nothing of it stays. Throws DESTINATION_FULL and what body and precondition throw. */
export async function receiveWhole(
  { folder, clock }: { folder: ArchiveFolder; clock: Clock },
  { name, body, length, precondition }: WholeCall,
): Promise<Whole> {
  await folder.checkRoom(length ?? 0);
  const files = new UploadFiles(folder);
  try {
    const handle = await withRoom(() => files.createPart(0));
    let etag;
    try {
      let position = 0;
      for await (const bytes of body) {
        const at = position;
        await withRoom(() => writeAt(handle, bytes, at));
        position += bytes.length;
      }
      etag = await sealPart(handle, clock);
    } finally {
      await handle.close();
    }
    return { etag, published: true, ...(await folder.publish(files.part, name, precondition)) };
  } catch (error) {
    await files.remove();
    throw error;
  }
}
