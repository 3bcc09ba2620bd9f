/** Archives around the sizes where numbers of bytes go wrong; they are made up as they are read, and nobody holds them. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';

import { describe, expect, test } from '@jest/globals';

import { expectBytes, expectCode, go } from '../contract/place-under-test.contract.js';
import { ChunkedUpload } from './chunked-upload.js';
import { HttpClient } from './http-client.js';
import { limitsWith } from './http-limits.js';
import { httpUnderTest, QUICK } from './http-under-test.contract.js';
import { virtual, virtualAncestor, virtualBytes, virtualSource } from './servers/virtual.contract.js';
import { UploadRecord } from './upload-record.js';

const MAX = Number.MAX_SAFE_INTEGER;
/** One more than any archive can have: told as text, for it is no number here. */
const TOO_MANY = '9007199254740992';
const http = httpUnderTest();

describe('an archive on a server that knows ranges', () => {
  test.each([
    ['2^31', 2 ** 31, 2 ** 31 + 1_000_003],
    ['2^32', 2 ** 32, 2 ** 32 + 1_000_003],
    ['2^53', MAX - 500_000, MAX],
  ])('is read to the byte just before, across and after %s', async (_, border, size) => {
    await http.serve(virtual(size));
    const source = await http.destination().open(go);
    expect(source.size).toBe(size);
    for (const [offset, length] of [
      [border - 200, 100],
      [border - 100, 100],
      [border - 1, 1],
      [border - 50, 100],
      [border, 1],
      [border, 100],
      [border + 7, 100],
      [border - 350_000, 700_000],
      [size - 1, 1],
    ] as const) {
      expectBytes(await buffer(source.stream(offset, length)), virtualBytes(offset, length));
    }
    expectBytes(await buffer(source.stream(size - 10, 1000)), virtualBytes(size - 10, 10));
    expect(await buffer(source.stream(size, 1000))).toHaveLength(0);
  });

  test('is asked for by its numbers, each range behind the one before it', async () => {
    const server = await http.serve(virtual(2 ** 32 + 1_000_000));
    const source = await http.destination().open(go);
    await buffer(source.stream(2 ** 32 - 450_000, 900_000));
    expect(server.requests('GET').map(({ headers }) => headers.range)).toEqual([
      'bytes=0-1',
      'bytes=4294517296-4294817295',
      'bytes=4294817296-4295117295',
      'bytes=4295117296-4295417295',
    ]);
  });
});

describe('an archive on the ancestor’s file service', () => {
  test('is read to its last byte, as far as that service can count', async () => {
    const size = 2 ** 31 - 1;
    const server = await http.serve(virtualAncestor(size));
    const source = await http.destination().open(go);
    expect(source.size).toBe(size);
    for (const [offset, length] of [
      [size - 350_000, 350_000],
      [size - 100, 50],
      [size - 1, 1],
    ] as const) {
      expectBytes(await buffer(source.stream(offset, length)), virtualBytes(offset, length));
    }
    expect(server.requests('GET').map(({ headers }) => headers.range)).toEqual([
      'bytes=0-1',
      'bytes=2147133647-2147433647',
      'bytes=2147433647-2147483647',
      'bytes=2147483547-2147483597',
      'bytes=2147483646-2147483647',
    ]);
  });

  test('is refused where it is larger, and read up to there', async () => {
    await http.serve(virtualAncestor(2 ** 31 + 1000));
    const source = await http.destination().open(go);
    expectBytes(await buffer(source.stream(2 ** 31 - 101, 100)), virtualBytes(2 ** 31 - 101, 100));
    await expectCode(buffer(source.stream(2 ** 31 - 101, 101)), 'DESTINATION_REFUSED');
  });
});

test.each([
  ['ranges', virtual],
  ['exclusive ranges', virtualAncestor],
])('a server of %s that tells more bytes than can be counted is refused', async (_, serving) => {
  const server = await http.serve(serving(1000, TOO_MANY));
  const opening = http.destination().open(go);
  await expect(opening).rejects.toMatchObject({
    code: 'DESTINATION_IGNORES_RANGES',
    message: expect.stringContaining('in no numbers below 2^53'),
  });
  expect(server.requests('GET')).toHaveLength(QUICK.retries?.attempts ?? NaN);
});

describe('an upload of more than 4 GiB', () => {
  const upload = { sha256: 'ab'.repeat(32), bytes: 4_617_089_843, chunkBytes: 1_000_000 };
  /** Those with 2^31 and 2^32 in them, their neighbours, and the last one, which is shorter. */
  const missing = [2146, 2147, 2148, 4293, 4294, 4295, 4617];

  test('sends what is missing where it belongs', async () => {
    const server = await http.serve(virtual(upload.bytes));
    await mkdir(http.spool);
    const path = join(http.spool, 'record');
    const sent = Array.from({ length: 4618 }, (_, chunk) => chunk).filter((chunk) => !missing.includes(chunk));
    await writeFile(path, [JSON.stringify(upload), ...sent.map((chunk) => `chunk ${chunk}`), ''].join('\n'));

    const record = await UploadRecord.open(path, upload, 'the spool');
    expect([record.isContinued, record.chunkCount, record.pending()]).toEqual([true, 4618, missing]);
    let moved = 0;
    const limits = limitsWith(QUICK);
    await new ChunkedUpload({
      client: new HttpClient({ url: server.url, display: 'the server' }, limits.patience),
      limits,
      attempt: { jobId: 'job', fence: 1 },
      source: virtualSource(upload.bytes),
      record,
      onBytes: (bytes) => (moved += bytes),
      onTouched: () => undefined,
    }).run(go);
    await record.close();

    const ranges = server.requests('PUT').map(({ headers }) => String(headers['content-range']));
    expect(ranges.sort()).toEqual([
      'bytes 2146000000-2146999999/4617089843',
      'bytes 2147000000-2147999999/4617089843',
      'bytes 2148000000-2148999999/4617089843',
      'bytes 4293000000-4293999999/4617089843',
      'bytes 4294000000-4294999999/4617089843',
      'bytes 4295000000-4295999999/4617089843',
      'bytes 4617000000-4617089842/4617089843',
    ]);
    expect(moved).toBe(6 * upload.chunkBytes + 89_843);
    const written = (await readFile(path, 'utf8')).trimEnd().split('\n').slice(-missing.length);
    expect(written.sort()).toEqual(missing.map((chunk) => `chunk ${chunk}`));
  });

  test('is cut to the byte up to the last number there is', async () => {
    await mkdir(http.spool);
    const huge = { ...upload, bytes: MAX, chunkBytes: 2 ** 50 + 1 };
    const record = await UploadRecord.open(join(http.spool, 'record'), huge, 'the spool');
    expect(record.chunkCount).toBe(8);
    expect(record.rangeOf(6)).toEqual({ start: 6 * 2 ** 50 + 6, end: 7 * 2 ** 50 + 7 });
    expect(record.rangeOf(7)).toEqual({ start: 7 * 2 ** 50 + 7, end: MAX });
    await record.close();
  });
});
