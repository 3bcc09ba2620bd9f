import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { exchange, startSystem, type RunningSystem } from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** Listings of documents and the links of their pages, which are followed as they come. */
let it: RunningSystem;
beforeAll(async () => {
  it = await startSystem();
});
afterAll(() => it.remove());

interface Page {
  readonly documentLinks: string[];
  readonly documents?: Record<string, Record<string, unknown>>;
  readonly documentCount: number;
  readonly nextPageLink?: string;
}

const page = async (path: string): Promise<Page> => {
  const { status, text } = await exchange(it.url, { path });
  expect([path, status]).toEqual([path, 200]);
  return JSON.parse(text) as Page;
};

/** All pages of a listing, each asked for by the link that the one before gave. */
async function pages(first: string): Promise<Page[]> {
  const found: Page[] = [];
  for (let next: string | undefined = first; next !== undefined; next = found.at(-1)?.nextPageLink)
    found.push(await page(next));
  return found;
}

const byteOrder = (links: readonly string[]): string[] =>
  [...links].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

/** A name with every character that a link may have, and some that mean something in a query. */
const NAMES = [
  'a',
  'B',
  'a.b',
  'a+b',
  'a&b'.replace('&', '='),
  '~',
  "'(x)'",
  '$limit=2',
  '@home',
  'semi;colon',
  'com,ma',
  'what:ever',
  '!',
  '100',
  '20',
];
const CHILDREN = byteOrder(NAMES.map((name) => `/list/${name}`));

beforeAll(async () => {
  for (const [n, link] of CHILDREN.entries()) await it.client.put(link, { n });
  await it.client.put('/list/a/deep', {});
  await it.client.put('/list/only/deep', {});
  await it.client.put('/list/gone', {});
  await it.client.call('DELETE', '/list/gone');
  await it.client.put('/top', {});
});

describe('the children of a link', () => {
  test('in byte order, direct ones only, with or without a slash at the end', async () => {
    const whole = { documentLinks: CHILDREN, documentCount: CHILDREN.length };
    expect(await page('/list/')).toEqual(whole);
    expect(await page('/list')).toEqual(whole);
    expect(await page('/list/a/')).toEqual({ documentLinks: ['/list/a/deep'], documentCount: 1 });
    expect(await page('/list/only')).toEqual({ documentLinks: ['/list/only/deep'], documentCount: 1 });
    expect(await page('/nothing/')).toEqual({ documentLinks: [], documentCount: 0 });
    expect((await page('/')).documentLinks).toEqual(['/top']);
  });

  test('a link that has a document answers with it, and with its children where a slash asks for them', async () => {
    expect(await page('/list/a')).toMatchObject({ documentSelfLink: '/list/a' });
    expect(await page('/list/a/')).toMatchObject({ documentLinks: ['/list/a/deep'] });
  });

  test.each([1, 2, 4, CHILDREN.length, 10_000])('by %d a page, none twice, none left out', async (limit) => {
    const all = await pages(`/list/?$limit=${limit}`);
    expect(all.flatMap(({ documentLinks }) => documentLinks)).toEqual(CHILDREN);
    expect(all.map(({ documentCount }) => documentCount)).toEqual(all.map(({ documentLinks }) => documentLinks.length));
    expect(all.length).toBe(Math.ceil(CHILDREN.length / limit));
  });

  test.each(['expand', '$expand', 'expand=documentLinks'])(
    '?%s brings the documents, on every page',
    async (expand) => {
      const all = await pages(`/list/?${expand}&$limit=4`);
      for (const { documentLinks, documents } of all) {
        expect(Object.keys(documents ?? {}).sort()).toEqual([...documentLinks].sort());
        for (const link of documentLinks)
          expect(documents?.[link]).toMatchObject({ documentSelfLink: link, n: CHILDREN.indexOf(link) });
      }
      expect(all.flatMap(({ documentLinks }) => documentLinks)).toEqual(CHILDREN);
    },
  );

  test('what is written between two pages neither shifts nor doubles what is on them', async () => {
    const first = await page('/list/?$limit=5');
    await it.client.put('/list/!!', {});
    await it.client.call('DELETE', '/list/!!');
    await it.client.call('DELETE', CHILDREN[0] ?? '');
    const rest = await pages(first.nextPageLink ?? '');
    await it.client.put(CHILDREN[0] ?? '', { n: 0 });
    expect([...first.documentLinks, ...rest.flatMap(({ documentLinks }) => documentLinks)]).toEqual(CHILDREN);
  });

  test('as of a time, on every page', async () => {
    const { documentUpdateTimeMicros } = (await it.client.put('/list/later', {})).body;
    const before = Number(documentUpdateTimeMicros) - 1;
    const all = await pages(`/list/?timeSnapshotBoundaryMicros=${before}&$limit=4`);
    expect(all.flatMap(({ documentLinks }) => documentLinks)).toEqual(CHILDREN);
    await it.client.call('DELETE', '/list/later');
  });
});

describe('every link with a prefix', () => {
  const index = '/core/document-index?documentSelfLink=';

  test('at any depth, page by page', async () => {
    const all = await pages(`${index}/list*&$limit=3&expand`);
    expect(all.flatMap(({ documentLinks }) => documentLinks)).toEqual(
      byteOrder([...CHILDREN, '/list/a/deep', '/list/only/deep']),
    );
  });

  test('a + in a query is a +, as in a link, and survives into the next page', async () => {
    for (const name of ['a+', 'a+b1', 'a+b2']) await it.client.put(`/plus/${name}`, {});
    for (const query of ['/plus/a+*', '/plus/a%2B*', '%2Fplus%2Fa%2b%2A']) {
      const all = await pages(`${index}${query}&$limit=1`);
      expect(all.flatMap(({ documentLinks }) => documentLinks)).toEqual(['/plus/a+', '/plus/a+b1', '/plus/a+b2']);
    }
    expect(await page(`${index}/plus/a+b1`)).toMatchObject({ documentSelfLink: '/plus/a+b1' });
    expect(await page('/plus/a%2Bb1')).toMatchObject({ documentSelfLink: '/plus/a+b1' });
  });

  test('of nothing is an empty page; of everything is everything', async () => {
    expect(await page(`${index}/no/such*`)).toEqual({ documentLinks: [], documentCount: 0 });
    expect((await page(`${index}*`)).documentLinks).toContain('/top');
  });
});

test('a page of a generation that is gone is said to be', async () => {
  const { nextPageLink = '' } = await page('/list/?$limit=1');
  await it.client.backup(`file:${it.archives}/page.zip`);
  await it.client.restore(`file:${it.archives}/page.zip`);
  expect(await page(nextPageLink)).toMatchObject({ documentLinks: [CHILDREN[1]] });
  await it.client.restore(`file:${it.archives}/page.zip`);
  const gone = await it.client.call('GET', nextPageLink);
  expect(gone).toMatchObject({ status: 410, body: { code: 'PAGE_GONE', errorCode: 0 } });
});
