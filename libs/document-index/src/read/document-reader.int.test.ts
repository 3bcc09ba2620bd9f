import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { linesOf, openTestIndex, type TestIndex } from '@tidemark/testing';

import type { DocumentPage, PageQuery } from './document-reader.js';

let it: TestIndex;
beforeAll(async () => {
  it = await openTestIndex();
});
afterAll(() => it.close());

/** All links of a listing, page by page. */
async function linksOf(query: PageQuery): Promise<string[]> {
  const links: string[] = [];
  let page: string | undefined;
  do {
    const found: DocumentPage = await it.index.reader.page({ ...query, page });
    expect(found.links.length).toBeLessThanOrEqual(query.limit);
    links.push(...found.links);
    page = found.next ?? undefined;
  } while (page);
  return links;
}

describe('listing children', () => {
  test('only direct children that are there, in byte order, whatever the page size', async () => {
    const names = ['a', 'B', 'b', '~', '-', '0', '10', '9', 'aa', 'a.b', 'z'];
    await it.index.writeLines(linesOf(names.map((name) => JSON.stringify({ documentSelfLink: `/list/${name}` }))));
    await it.put('/list/a/deep', '{}');
    await it.put('/list/only/deep', '{}');
    await it.put('/lis', '{}');
    await it.put('/list/gone', '{}');
    await it.delete('/list/gone');
    const sorted = names.map((name) => `/list/${name}`).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    for (const limit of [1, 2, 5, 11, 100]) {
      expect(await linksOf({ selection: { childrenOf: '/list' }, limit, expand: false })).toEqual(sorted);
    }
    expect(await linksOf({ selection: { childrenOf: '' }, limit: 3, expand: false })).toContain('/lis');
    expect(await linksOf({ selection: { childrenOf: '/nothing' }, limit: 3, expand: false })).toEqual([]);
  });

  test('as of a time: what was there then, with its state of then', async () => {
    await it.put('/then/a', '{"n":1}');
    await it.put('/then/b', '{"n":1}');
    const stamp = (await it.delete('/then/b')).version!.updateTimeMicros;
    await it.put('/then/a', '{"n":2}');
    await it.put('/then/c', '{"n":1}');
    const query = { selection: { childrenOf: '/then' }, limit: 10, expand: true };
    const before = await it.index.reader.page({ ...query, asOfMicros: stamp - 1 });
    expect(before.links).toEqual(['/then/a', '/then/b']);
    expect(before.texts![0]).toContain('"n":1');
    expect((await it.index.reader.page({ ...query, asOfMicros: stamp })).links).toEqual(['/then/a']);
    const deleted = await it.index.reader.page({ ...query, asOfMicros: stamp, includeDeleted: true });
    expect(deleted.links).toEqual(['/then/a', '/then/b']);
    expect(deleted.texts![1]).toContain('"documentUpdateAction":"DELETE"');
  });

  test('an expanded page ends at its size, and the next one goes on there', async () => {
    const large = Array.from({ length: 12 }, (_, n) =>
      JSON.stringify({ documentSelfLink: `/wide/${String(n).padStart(2, '0')}`, text: 'x'.repeat(900_000) }),
    );
    await it.index.writeLines(linesOf(large));
    const query = { selection: { childrenOf: '/wide' }, limit: 100, expand: true };
    const first = await it.index.reader.page(query);
    expect(first.links.length).toBeGreaterThan(1);
    expect(first.links.length).toBeLessThan(12);
    expect(first.texts).toHaveLength(first.links.length);
    expect(await linksOf(query)).toHaveLength(12);
  });

  test('a link without a document shows its children, one with a document itself', async () => {
    await it.put('/folder/x/y', '{}');
    expect(await it.index.reader.documentOrChildren({ link: '/folder/x' })).toBe('children');
    await expect(it.index.reader.documentOrChildren({ link: '/folder' })).rejects.toMatchObject({
      code: 'DOCUMENT_NOT_FOUND',
    });
    await it.put('/folder/x', '{}');
    expect(await it.index.reader.documentOrChildren({ link: '/folder/x' })).toMatchObject({ version: { version: 0 } });
    await it.delete('/folder/x');
    expect(await it.index.reader.documentOrChildren({ link: '/folder/x' })).toBe('children');
    await it.delete('/folder/x/y');
    await expect(it.index.reader.documentOrChildren({ link: '/folder/x' })).rejects.toMatchObject({
      code: 'DOCUMENT_DELETED',
    });
  });
});

describe('prefixes and versions', () => {
  test('a prefix selects every link that starts with it', async () => {
    for (const link of ['/p/a', '/p/ab', '/p/ab/c', '/p/ac', '/p/a_', '/p/b']) await it.put(link, '{}');
    const withPrefix = (prefix: string): Promise<string[]> =>
      linksOf({ selection: { prefix }, limit: 2, expand: false });
    expect(await withPrefix('/p/a')).toEqual(['/p/a', '/p/a_', '/p/ab', '/p/ab/c', '/p/ac']);
    expect(await withPrefix('/p/ab')).toEqual(['/p/ab', '/p/ab/c']);
    expect(await withPrefix('/p/zz')).toEqual([]);
    expect(await withPrefix('/p/a%')).toEqual([]);
  });

  test('a version by its number, a tombstone too', async () => {
    await it.put('/v/x', '{"n":1}');
    await it.delete('/v/x');
    expect((await it.index.reader.document({ link: '/v/x', version: 0 })).version.body).toBe('{"n":1}');
    expect((await it.index.reader.document({ link: '/v/x', version: 1 })).version.updateAction).toBe('DELETE');
    await expect(it.index.reader.document({ link: '/v/x', version: 2 })).rejects.toMatchObject({
      code: 'DOCUMENT_NOT_FOUND',
    });
  });

  test.each([
    '',
    'x',
    'bnVsbA',
    Buffer.from('[0,"/a"]').toString('base64url'),
    Buffer.from('[1]').toString('base64url'),
  ])('page token %j is refused', async (page) => {
    await expect(
      it.index.reader.page({ selection: { childrenOf: '' }, limit: 1, expand: false, page }),
    ).rejects.toMatchObject({ code: 'PARAMETER_INVALID' });
  });

  test('a page of a generation that is not there is gone', async () => {
    const page = Buffer.from('[999,"/a"]').toString('base64url');
    await expect(
      it.index.reader.page({ selection: { childrenOf: '' }, limit: 1, expand: false, page }),
    ).rejects.toMatchObject({ code: 'PAGE_GONE' });
  });
});
