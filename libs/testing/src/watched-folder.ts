import { once } from 'node:events';
import { watch } from 'node:fs';
import { readdir } from 'node:fs/promises';

/** Resolves as soon as what lies in a folder is so, with its names. Throws where there is no such folder. */
export async function folderWhen(folder: string, isSo: (names: string[]) => boolean): Promise<string[]> {
  const watcher = watch(folder);
  try {
    for (;;) {
      const changed = once(watcher, 'change');
      const names = await readdir(folder);
      if (isSo(names)) return names;
      await changed;
    }
  } finally {
    watcher.close();
  }
}
