import { TidemarkError } from '../errors/tidemark-error.js';

export const MAX_LINK_BYTES = 1024;

const SEGMENT = /^[A-Za-z0-9\-._~:@!$'()+,;=]+$/;

export class LinkInvalidError extends TidemarkError {
  readonly code = 'LINK_INVALID';
  constructor(link: string, reason: string) {
    super(`the link ${JSON.stringify(link.slice(0, 200))} is not valid: ${reason}`);
  }
}

/** Returns the link itself when it is one: `/segment` once or more, at most 1,024 bytes. */
export function checkLink(link: string): string {
  if (!link.startsWith('/')) throw new LinkInvalidError(link, 'it must start with /');
  if (link.length > MAX_LINK_BYTES) throw new LinkInvalidError(link, `it is longer than ${MAX_LINK_BYTES} bytes`);
  for (const segment of link.slice(1).split('/')) checkSegment(link, segment);
  return link;
}

/** A document's link: not one of the system's, which all start with `/core`. */
export function checkDocumentLink(link: string): string {
  if (link === '/core' || link.startsWith('/core/'))
    throw new LinkInvalidError(link, 'everything under /core is the system’s');
  return checkLink(link);
}

/** The link of the document or folder that a link is a direct child of; the root is the empty string. */
export function parentLink(link: string): string {
  return link.slice(0, link.lastIndexOf('/'));
}

function checkSegment(link: string, segment: string): void {
  if (segment === '') throw new LinkInvalidError(link, 'a segment is empty');
  if (segment === '.' || segment === '..') throw new LinkInvalidError(link, 'a segment is . or ..');
  if (!SEGMENT.test(segment))
    throw new LinkInvalidError(link, "segments are of A-Z a-z 0-9 - . _ ~ : @ ! $ ' ( ) + , ; =");
}
