import { ArchiveDamagedError } from '../errors.js';
import { entryNames } from '../format/entry-names.js';
import type { Manifest } from '../format/manifest-schema.js';
import { spanOf, type ZipEntry } from './zip-entry.js';

/**
 * Throws ARCHIVE_DAMAGED unless the entries are exactly those of the manifest, each once, in their order and of their
 * size, and fill the zip from its first byte to its directory: no gap, no overlap, nothing hidden.
 */
export function checkEntries(entries: readonly ZipEntry[], manifest: Manifest, directoryOffset: number): void {
  checkNames(
    entries.map(({ name }) => name),
    entryNames(manifest.parts),
  );
  checkSpans(entries, directoryOffset);
  const sizes = new Map(entries.map(({ name, size }) => [name, size]));
  const wrong = manifest.parts.find(({ name, bytes }) => sizes.get(name) !== bytes);
  if (wrong) throw new ArchiveDamagedError(wrong.name, 'its size is not the one in the manifest');
}

function checkNames(found: readonly string[], expected: readonly string[]): void {
  const [foundNames, expectedNames] = [new Set(found), new Set(expected)];
  if (foundNames.size < found.length) throw new ArchiveDamagedError(firstTwice(found), 'it is there twice');
  const missing = expected.find((name) => !foundNames.has(name));
  if (missing !== undefined) throw new ArchiveDamagedError(missing, 'it is not there');
  const unlisted = found.find((name) => !expectedNames.has(name));
  if (unlisted !== undefined) throw new ArchiveDamagedError(unlisted, 'the manifest does not list it');
  const misplaced = found.find((name, index) => name !== expected[index]);
  if (misplaced !== undefined) throw new ArchiveDamagedError(misplaced, 'it is not in its place');
}

function firstTwice(names: readonly string[]): string {
  const seen = new Set<string>();
  return names.find((name) => seen.size === seen.add(name).size) ?? '';
}

function checkSpans(entries: readonly ZipEntry[], directoryOffset: number): void {
  let end = 0;
  for (const entry of entries) {
    if (entry.offset !== end) {
      throw new ArchiveDamagedError(
        entry.name,
        `it begins at byte ${entry.offset}, the entry before it ends at ${end}`,
      );
    }
    end += spanOf(entry);
  }
  if (end !== directoryOffset) {
    throw new ArchiveDamagedError('the directory of the zip', `the last entry ends at byte ${end}, not before it`);
  }
}
