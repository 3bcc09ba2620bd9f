import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const MANIFEST = 'manifest.json';

interface Entry {
  /** Relative to the copy. */
  readonly path: string;
  readonly bytes: number;
}

/** Writes down in a copy of programs which files must be there, and how long each is. */
export async function writeManifest(copy: string, paths: readonly string[]): Promise<void> {
  const entries = await Promise.all(
    paths.map(async (path): Promise<Entry> => ({ path, bytes: (await stat(join(copy, path))).size })),
  );
  await writeFile(join(copy, MANIFEST), JSON.stringify(entries), { mode: 0o644 });
}

/** Whether a copy is there and nothing of it is missing or shortened (cleaners of temporary folders do that). */
export async function isWhole(copy: string): Promise<boolean> {
  try {
    const entries = JSON.parse(await readFile(join(copy, MANIFEST), 'utf8')) as Entry[];
    const sizes = await Promise.all(entries.map(async ({ path }) => (await stat(join(copy, path))).size));
    return entries.length > 0 && entries.every(({ bytes }, at) => sizes[at] === bytes);
  } catch {
    return false; // nothing there, or nothing that can be used: it is made again
  }
}
