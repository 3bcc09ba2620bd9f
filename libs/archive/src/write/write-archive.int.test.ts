import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import type { ByteSource } from '../byte-source.js';
import { openArchive } from '../read/open-archive.js';
import { each, HEADER, written } from '../testing/archives.test.js';
import { packed, row } from '../testing/rows.test.js';
import { failureOf } from '../testing/streams.test.js';
import { writeArchive, type PackedPart } from './write-archive.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-archive-'));
});
afterEach(() => rm(folder, { recursive: true }));

const totals = () => Promise.resolve({ documents: 1 });

async function fileSource(path: string): Promise<ByteSource> {
  const { size } = await stat(path);
  return { size, stream: (offset, length) => createReadStream(path, { start: offset, end: offset + length - 1 }) };
}

function largePart(): Promise<PackedPart & { content: Buffer }> {
  return packed(
    Array.from({ length: 20_000 }, (_, version) => row({ version, body: `{"n":"${String(Math.random())}"}` })),
  );
}

describe('writeArchive with files', () => {
  test('writes the same bytes from a file and from memory, and reads them back', async () => {
    const part = await largePart();
    const path = join(folder, 'part');
    await writeFile(path, part.content);
    const target = join(folder, 'archive.zip');
    await writeArchive({
      output: createWriteStream(target),
      header: HEADER,
      parts: each([{ facts: part.facts, content: { path } }, part]),
      totals,
    });
    const zip = await readFile(target);
    expect(zip.equals((await written([part, part])).zip)).toBe(true);
    await (await openArchive(await fileSource(target))).verify();
  });

  test.each([
    ['shorter', -1],
    ['longer', 1],
  ])('rejects a file that is %s than its facts say', async (_name, by) => {
    const part = await largePart();
    const path = join(folder, 'part');
    await writeFile(path, Buffer.concat([part.content, Buffer.alloc(1)]).subarray(0, part.content.length + by));
    const output = createWriteStream(join(folder, 'archive.zip'));
    const parts = each([{ facts: part.facts, content: { path } }]);
    const error = await failureOf(writeArchive({ output, header: HEADER, parts, totals }));
    expect(error.message).toContain('where its facts say');
    expect(output.destroyed).toBe(true);
  });

  test('rejects when a part’s file is not there', async () => {
    const { facts } = await largePart();
    const output = createWriteStream(join(folder, 'archive.zip'));
    const parts = each([{ facts, content: { path: join(folder, 'part') } }]);
    const error = await failureOf(writeArchive({ output, header: HEADER, parts, totals }));
    expect(error).toMatchObject({ code: 'ENOENT' });
    expect(output.destroyed).toBe(true);
  });

  test('rejects when the disk is full', async () => {
    const full = '/dev/full';
    const isThere = await stat(full).then(
      () => true,
      () => false,
    );
    if (!isThere) return;
    const output = createWriteStream(full);
    const error = await failureOf(writeArchive({ output, header: HEADER, parts: each([await largePart()]), totals }));
    expect(error).toMatchObject({ code: 'ENOSPC' });
  });

  test('rejects when the target cannot be opened', async () => {
    const parts = each([await largePart()]);
    const output = createWriteStream(join(folder, 'missing', 'archive.zip'));
    const error = await failureOf(writeArchive({ output, header: HEADER, parts, totals }));
    expect(error).toMatchObject({ code: 'ENOENT' });
  });
});
