export const README = 'README.txt';
export const SCHEMA = 'schema.sql';
export const MANIFEST = 'manifest.json';
export const SUMS = 'SHA256SUMS';

const FIXED: readonly string[] = [README, SCHEMA, MANIFEST, SUMS];
const PART = /^parts\/[0-9]{6}\.copy\.zst$/;

/** Name of a part by its place in the archive, from 0. */
export function partName(index: number): string {
  return `parts/${String(index + 1).padStart(6, '0')}.copy.zst`;
}

export function isPartName(name: string): boolean {
  return PART.test(name);
}

export function isEntryName(name: string): boolean {
  return FIXED.includes(name) || isPartName(name);
}

/** Every entry of an archive in the order it is written. */
export function entryNames(parts: readonly { readonly name: string }[]): string[] {
  return [README, SCHEMA, ...parts.map((part) => part.name), MANIFEST, SUMS];
}

/** A name out of a foreign zip, fit for a message: quoted, control characters escaped, cut. */
export function shown(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
}
