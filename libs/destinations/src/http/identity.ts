import type { HttpAnswer } from './answer.js';

/** By what an archive at a server is known again. */
export interface Identity {
  readonly size: number;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
}

export function identityOf(answer: HttpAnswer, size: number): Identity {
  return { size, etag: answer.header('etag'), lastModified: answer.header('last-modified') };
}

/** Two ETags decide, two times do where there are none; the size always counts. A server may leave each of them out. */
export function isSame(known: Identity, seen: Identity): boolean {
  if (known.size !== seen.size) return false;
  if (known.etag !== undefined && seen.etag !== undefined) return opaque(known.etag) === opaque(seen.etag);
  if (known.lastModified === undefined || seen.lastModified === undefined) return true;
  return known.lastModified === seen.lastModified;
}

/** For `If-Range`: only a strong ETag promises the same bytes. */
export function strongEtag({ etag }: Identity): string | undefined {
  return etag?.startsWith('"') === true && etag.length > 2 ? etag : undefined;
}

function opaque(etag: string): string {
  return etag.replace(/^W\//, '');
}
