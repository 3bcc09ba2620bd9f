import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach } from '@jest/globals';

import { go } from '../contract/place-under-test.contract.js';
import type { AttemptId, Destination } from '../destination.js';
import { FileDestination } from './file-destination.js';
import { systemFolderAccess, type FolderAccess } from './folder.js';

/** A root of one test's own, with an `outside` beside it. */
export interface RootUnderTest {
  /** The folder that `root` and `outside` lie in. */
  readonly base: string;
  readonly root: string;
  at(path: string): Destination;
}

export const attempt: AttemptId = { jobId: randomUUID(), fence: 1 };
export const ACCESSES: readonly FolderAccess[] = [...new Set<FolderAccess>([systemFolderAccess, 'BY_PATH'])];

export function rootUnderTest(access: FolderAccess): RootUnderTest {
  const place = {
    base: '',
    root: '',
    at: (path: string) =>
      new FileDestination({ root: place.root, path: join(place.root, path), display: `file:${path}`, access }),
  };
  beforeEach(async () => {
    place.base = await mkdtemp(join(tmpdir(), 'tidemark-folder-'));
    place.root = join(place.base, 'root');
    await mkdir(place.root);
    await mkdir(join(place.base, 'outside'));
  });
  afterEach(() => rm(place.base, { recursive: true }));
  return place;
}

export async function backup(destination: Destination, content = randomBytes(100), by = attempt): Promise<void> {
  const draft = await destination.draft(by, go);
  draft.output.end(content);
  await destination.finish(await draft.seal(), by, go);
}
