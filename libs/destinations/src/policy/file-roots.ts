import { realpathSync } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';

import { ConfigError } from '@tidemark/platform';

/** The roots as absolute paths without a closing slash, each once. Throws ConfigError for one that is not absolute. */
export function normalRoots(roots: readonly string[]): readonly string[] {
  return [...new Set(roots.map(normalRoot))];
}

/** Where a folder really is; for one that is not there yet, where it is when it is made. */
export function locationOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(locationOf(parent), basename(path));
  }
}

function normalRoot(root: string, index: number): string {
  if (!root.startsWith('/') || /\p{Cc}/u.test(root)) {
    throw new ConfigError(`TIDEMARK_FILE_ROOTS: entry ${index + 1} must be an absolute path`);
  }
  const normal = posix.normalize(root);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}
