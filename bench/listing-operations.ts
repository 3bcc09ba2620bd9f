import { callFor, type HttpTarget } from './callers.ts';
import type { MeasuredSystem } from './measured-system.ts';
import type { Operation } from './rounds.ts';

const PAGE = 10;
const FAR_PAGE = 10_000;
const LARGEST_PAGE = 10_000;
const SECONDS = 0.5;

/** Paths of pages. */
interface Listing {
  readonly first: string;
  readonly far: string;
}

/** Writes documents for that many pages, and finds the far one by the links of larger pages. */
export async function writeListing({ services: { client } }: MeasuredSystem): Promise<Listing> {
  await client.bulk(Array.from({ length: FAR_PAGE * PAGE }, (_, n) => [`/pages/${n}`, { n }] as const));
  const first = `/core/document-index?documentSelfLink=/pages/*&$limit=${PAGE}`;
  let path = first;
  for (let left = (FAR_PAGE - 1) * PAGE; left > 0; left -= LARGEST_PAGE) {
    const { body } = await client.call<{ nextPageLink?: string }>('GET', limited(path, Math.min(left, LARGEST_PAGE)));
    if (body.nextPageLink === undefined) throw new Error('a listing ended too early');
    path = body.nextPageLink;
  }
  return { first, far: limited(path, PAGE) };
}

/** By one caller. */
export function listingOperations(gateway: HttpTarget, { first, far }: Listing): Operation[] {
  const page = (name: string, path: string): Operation => ({
    name,
    run: async () => ({ calls: await callFor(SECONDS, 1, () => gateway.call('GET', path)) }),
  });
  return [
    page('1st page', first),
    page(`${FAR_PAGE}th page`, far),
    page('1st page, with documents', `${first}&expand`),
    page(`${FAR_PAGE}th page, with documents`, `${far}&expand`),
  ];
}

function limited(path: string, limit: number): string {
  const url = new URL(path, 'http://localhost');
  url.searchParams.set('$limit', String(limit));
  return `${url.pathname}${url.search}`;
}
