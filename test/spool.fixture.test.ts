import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { expect } from '@jest/globals';

import { folderWhen } from '@tidemark/testing';

/** Of a system's one worker. It may be about to remove the folder of a restore: the job ends without it. */
export async function expectNothingSpooled({ home }: { home: string }): Promise<void> {
  const spool = join(home, 'spool');
  const [uploads] = await folderWhen(spool, (names) => names.every((name) => name === 'uploads'));
  if (uploads !== undefined) expect(await readdir(join(spool, uploads))).toEqual([]);
}
