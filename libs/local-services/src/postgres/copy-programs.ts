import { chmod, copyFile, constants, mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

import { writeManifest } from '../host/manifest.js';

/** What a server never reads: static libraries and what extensions are compiled with. */
const LEFT_OUT = /\.a$|\/(pkgconfig|pgxs)\//;

/**
 * Copies the programs of a platform package (its `native` folder) into `to`, with the links that npm cannot carry and
 * the package's install script would have made, open to every user, and writes down what must be there.
 */
export async function copyPrograms(packageFolder: string, to: string): Promise<void> {
  const native = join(packageFolder, 'native');
  await mkdir(to);
  await chmod(to, 0o755);
  const files = await copyFolder(native, to);
  const links = await makeLinks(packageFolder, to);
  await writeManifest(to, [...files, ...links]);
}

async function copyFolder(from: string, to: string): Promise<string[]> {
  const entries = await readdir(from, { withFileTypes: true, recursive: true });
  const relativePath = (entry: { parentPath: string; name: string }): string =>
    relative(from, join(entry.parentPath, entry.name));
  const files = entries.filter((entry) => entry.isFile() && entry.parentPath !== from).map(relativePath);
  const wanted = files.filter((path) => !LEFT_OUT.test(path));
  for (const folder of [...new Set(wanted.map(dirname))].sort()) await makeFolder(to, folder);
  await Promise.all(wanted.map((path) => copyOpen(join(from, path), join(to, path))));
  return wanted;
}

async function makeFolder(root: string, path: string): Promise<void> {
  if (path === '.') return;
  await makeFolder(root, dirname(path));
  await mkdir(join(root, path), { recursive: true });
  await chmod(join(root, path), 0o755);
}

async function copyOpen(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await chmod(to, /(^|\/)bin\/[^/]+$/.test(to) ? 0o755 : 0o644);
}

async function makeLinks(packageFolder: string, to: string): Promise<string[]> {
  const listed = await readFile(join(packageFolder, 'native', 'pg-symlinks.json'), 'utf8');
  const links = JSON.parse(listed) as { source: string; target: string }[];
  const made = links.map(({ source, target }) => ({
    points: relative(dirname(target), source),
    path: relative('native', target),
  }));
  for (const { points, path } of made.filter(({ path }) => !LEFT_OUT.test(path))) await symlink(points, join(to, path));
  return made.map(({ path }) => path).filter((path) => !LEFT_OUT.test(path));
}
