import { checkDocumentLink, LinkInvalidError } from '@tidemark/contracts';

/** What a path under `/documents` names. */
export interface DocumentPath {
  /** The empty string is the root. */
  readonly link: string;
  /** A slash at the end asks for the children. */
  readonly folder: boolean;
}

/** Reads the path as it came over the wire, each segment decoded by itself: an encoded slash is never a border. */
export function parseDocumentPath(path: string): DocumentPath {
  const folder = path === '' || path.endsWith('/');
  const segments = (folder ? path.slice(0, -1) : path).split('/').slice(1);
  const link = segments.map((segment) => `/${decoded(path, segment)}`).join('');
  return { link: link === '' ? '' : checkDocumentLink(link), folder };
}

function decoded(path: string, segment: string): string {
  let text: string;
  try {
    text = decodeURIComponent(segment);
  } catch {
    throw new LinkInvalidError(path, 'its percent-encoding is broken');
  }
  if (text.includes('/')) throw new LinkInvalidError(path, 'a segment holds a slash');
  return text;
}
