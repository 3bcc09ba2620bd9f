/** The path of a request as it came over the wire: percent-encoding, case and a trailing slash as the caller sent them. */
export function rawPath({ url }: { readonly url: string }): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}

/** The query as it came, without its `?`; empty where there is none. */
export function rawQuery({ url }: { readonly url: string }): string {
  const start = url.indexOf('?');
  return start < 0 ? '' : url.slice(start + 1);
}
