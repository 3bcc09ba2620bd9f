import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

import { environment } from '@tidemark/platform';

/** The folders of the PATH. */
export function pathFolders(): string[] {
  return (environment().PATH ?? '').split(delimiter).filter((folder) => folder !== '');
}

/** Where a program is that we may run, in the first folder that has it. */
export async function findCommand(name: string, folders = pathFolders()): Promise<string | undefined> {
  for (const folder of folders) {
    const path = join(folder, name);
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}

/** Those of our environment's variables that are set. */
export function pickEnvironment(...names: readonly string[]): Record<string, string> {
  const all = environment();
  return Object.fromEntries(names.flatMap((name) => (all[name] ? [[name, all[name]]] : [])));
}
