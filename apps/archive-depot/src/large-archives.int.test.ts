import { randomBytes } from 'node:crypto';
import { open, readdir, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { isSame, refusalOf, TestDepot, type Answer } from './depot.fixture.test.js';

/** Archives around the sizes where numbers of bytes go wrong; most of their bytes are holes that take no room. */
const TOTAL = 4_617_089_843;
const AROUND = 50_000;
const HOLES_MOST_BYTES = 1024 * 1024;
const ANCESTOR = { 'user-agent': 'ServiceHost/b6fb48b7' };

let depot: TestDepot;
beforeEach(async () => {
  depot = await TestDepot.start();
});
afterEach(() => depot.close());

interface Piece {
  readonly start: number;
  readonly bytes: Buffer;
}

const pieceFrom = (start: number, length: number): Piece => ({ start, bytes: randomBytes(length) });

/** A file of the depot's folder as the disk has it; the handle is closed afterwards. */
async function withFile<T>(file: string, flags: string, work: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(join(depot.folder, file), flags);
  try {
    return await work(handle);
  } finally {
    await handle.close();
  }
}

describe('an upload of more than 4 GiB', () => {
  const acrossFirst = pieceFrom(2 ** 31 - AROUND, 2 * AROUND);
  const beforeSecond = pieceFrom(2 ** 32 - AROUND, AROUND);
  const afterSecond = pieceFrom(2 ** 32, AROUND);
  const last = pieceFrom(TOTAL - 10, 10);
  const COVERED = 'bytes 2147433648-2147533647,4294917296-4295017295,4617089833-4617089842/4617089843';

  const put = (piece: Piece, end = piece.start + piece.bytes.length - 1): Promise<Answer> =>
    depot.put('a.zip', piece.bytes, {
      'content-range': `bytes ${piece.start}-${end}/${TOTAL}`,
      'x-tidemark-upload': 'large',
    });
  const covered = ({ status, headers }: Answer): unknown => [status, headers['x-tidemark-covered']];

  test('has its pieces where they belong, over a restart too', async () => {
    for (const piece of [last, afterSecond, acrossFirst, beforeSecond]) expect((await put(piece)).status).toBe(202);
    expect(covered(await put(acrossFirst))).toEqual([200, COVERED]);
    expect((await depot.list()).uploads).toMatchObject([{ totalBytes: TOTAL, coveredBytes: 4 * AROUND + 10 }]);
    await depot.restart();
    for (const piece of [last, afterSecond, acrossFirst, beforeSecond]) {
      expect(covered(await put(piece))).toEqual([200, COVERED]);
    }
    const part = (await readdir(depot.folder)).find((file) => file.endsWith('.part'))!;
    const { size, blocks } = await stat(join(depot.folder, part));
    expect(size).toBe(TOTAL);
    expect(blocks * 512).toBeLessThan(HOLES_MOST_BYTES);
    for (const { start, bytes } of [acrossFirst, beforeSecond, afterSecond, last]) {
      const { buffer } = await withFile(part, 'r', (handle) =>
        handle.read(Buffer.alloc(bytes.length), 0, bytes.length, start),
      );
      expect(isSame(buffer, bytes)).toBe(true);
    }
  });

  test('sees other bytes in the place of earlier ones', async () => {
    await put(acrossFirst);
    const other = Buffer.from(acrossFirst.bytes);
    other[AROUND] = other[AROUND]! ^ 1;
    expect(refusalOf(await put({ ...acrossFirst, bytes: other })).code).toBe('UPLOAD_CONFLICT');
  });

  test('is understood as the ancestor writes it', async () => {
    for (const piece of [acrossFirst, beforeSecond, afterSecond, last]) {
      expect((await put(piece, piece.start + piece.bytes.length)).status).toBe(202);
    }
    expect(covered(await put(last))).toEqual([200, COVERED]);
  });
});

describe('an upload of more than there is room for', () => {
  const put = (total: number | string): Promise<Answer> =>
    depot.put('a.zip', 'ten bytes.', { 'content-range': `bytes 0-9/${total}` });

  test('is told so before anything is stored, up to the last number there is', async () => {
    for (const total of [2 ** 52, Number.MAX_SAFE_INTEGER]) {
      const { code, details } = refusalOf(await put(total));
      expect(code).toBe('DESTINATION_FULL');
      expect(details).toEqual({ wantedBytes: total, freeBytes: expect.any(Number) });
    }
    expect(await readdir(depot.folder)).toEqual([]);
  });

  test('is refused beyond', async () => {
    const { code, message } = refusalOf(await put('9007199254740992'));
    expect(code).toBe('PARAMETER_INVALID');
    expect(message).toContain('goes over 9007199254740991');
    expect(await readdir(depot.folder)).toEqual([]);
  });
});

describe('an archive of more than 4 GiB', () => {
  const written = [2 ** 31, 2 ** 32].map((border) => pieceFrom(border - AROUND, 2 * AROUND));
  const end = pieceFrom(TOTAL - AROUND, AROUND);

  beforeEach(async () => {
    await withFile('a.zip', 'w', async (handle) => {
      for (const { start, bytes } of [...written, end]) await handle.write(bytes, 0, bytes.length, start);
    });
  });

  const get = (range: string, headers = {}): Promise<Answer> => depot.call('a.zip', { headers: { range, ...headers } });

  test('is read just before, across and after 2^31 and 2^32', async () => {
    for (const { start, bytes } of written) {
      for (const [from, length] of [
        [0, AROUND],
        [AROUND - 1, 1],
        [AROUND - 100, 200],
        [AROUND, 1],
        [AROUND, AROUND],
      ] as const) {
        const first = start + from;
        const expected = bytes.subarray(from, from + length);
        const closed = await get(`bytes=${first}-${first + length - 1}`);
        expect(closed.headers['content-range']).toBe(`bytes ${first}-${first + length - 1}/${TOTAL}`);
        const ofAncestor = await get(`bytes=${first}-${first + length}`, ANCESTOR);
        expect(ofAncestor.headers['content-range']).toBe(`bytes ${first}-${first + length}/${TOTAL}`);
        for (const { status, body } of [closed, ofAncestor]) {
          expect(status).toBe(206);
          expect(isSame(body, expected)).toBe(true);
        }
      }
    }
  });

  test('is read from its end, and no further', async () => {
    expect((await depot.call('a.zip', { method: 'HEAD' })).headers['content-length']).toBe(String(TOTAL));
    for (const range of ['bytes=-100', `bytes=${TOTAL - 100}-`, `bytes=${TOTAL - 100}-${Number.MAX_SAFE_INTEGER}`]) {
      const { status, headers, body } = await get(range);
      expect([status, headers['content-range']]).toEqual([206, 'bytes 4617089743-4617089842/4617089843']);
      expect(isSame(body, end.bytes.subarray(-100))).toBe(true);
    }
    const { status, headers } = await get(`bytes=${TOTAL}-`);
    expect([status, headers['content-range']]).toEqual([416, 'bytes */4617089843']);
  });
});
