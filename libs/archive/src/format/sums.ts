import { entryNames, MANIFEST, README, SCHEMA, SUMS } from './entry-names.js';
import type { Manifest } from './manifest-schema.js';

/** SHA-256, in lower case hex, of the entries that the manifest does not speak of. */
export interface FixedSums {
  readonly readme: string;
  readonly schema: string;
  readonly manifest: string;
}

/** `SHA256SUMS`: a line for `sha256sum -c` for every other entry, in the order of the zip. */
export function formatSums(manifest: Manifest, fixed: FixedSums): string {
  return `${sumLines(manifest, fixed)
    .map(({ line }) => line)
    .join('\n')}\n`;
}

/** Name of the entry whose line in `text` is not what it must be, SHA256SUMS itself when a line is too many or too few. */
export function wrongSum(text: string, manifest: Manifest, fixed: FixedSums): string | undefined {
  const found = text.split('\n');
  const expected = sumLines(manifest, fixed);
  if (found.length !== expected.length + 1 || found.at(-1) !== '') return SUMS;
  return expected.find(({ line }, index) => line !== found[index])?.name;
}

function sumLines(manifest: Manifest, fixed: FixedSums): { name: string; line: string }[] {
  const sums = new Map([
    [README, fixed.readme],
    [SCHEMA, fixed.schema],
    [MANIFEST, fixed.manifest],
    ...manifest.parts.map((part) => [part.name, part.sha256] as const),
  ]);
  return entryNames(manifest.parts)
    .filter((name) => name !== SUMS)
    .map((name) => ({ name, line: `${sums.get(name) ?? ''}  ${name}` }));
}
