/** A version number can come back after a restore, an ETag never does: it names the generation as well. */
export function etagOf(generation: number, version: number): string {
  return `"${generation}-${version}"`;
}

/**
 * Whether an `If-Match` value lets a change through; `etag` is null where the document is not there.
 * Weak tags never match (RFC 9110, 13.1.1).
 */
export function ifMatchAllows(ifMatch: string | undefined, etag: string | null): boolean {
  if (ifMatch === undefined) return true;
  if (ifMatch.trim() === '*') return etag !== null;
  return etag !== null && ifMatch.split(',').some((tag) => tag.trim() === etag);
}
