import { posix } from 'node:path';

import { ConfigError } from '@tidemark/platform';

/** The roots as absolute paths without a closing slash, each once. Throws ConfigError for one that is not absolute. */
export function normalRoots(roots: readonly string[]): readonly string[] {
  return [...new Set(roots.map(normalRoot))];
}

function normalRoot(root: string, index: number): string {
  if (!root.startsWith('/') || /\p{Cc}/u.test(root)) {
    throw new ConfigError(`TIDEMARK_FILE_ROOTS: entry ${index + 1} must be an absolute path`);
  }
  const normal = posix.normalize(root);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}
