import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';

import { expect, test } from '@jest/globals';

import { FileOutput } from './file-output.js';

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux('a disk without room fails the output with DESTINATION_FULL and closes the file', async () => {
  const handle = await open('/dev/full', 'w');
  const output = new FileOutput(
    handle,
    { display: 'file:/full/a.zip', doing: 'WRITING' },
    new AbortController().signal,
  );
  await expect(pipeline(Readable.from([Buffer.alloc(1000)]), output)).rejects.toMatchObject({
    code: 'DESTINATION_FULL',
    message: 'file:/full/a.zip has no room left',
  });
  expect(output.written).toBeUndefined();
  expect(handle.fd).toBe(-1);
});

test('a write that the system takes in pieces is completed', async () => {
  const handle = await open('/dev/null', 'w');
  const taken: Buffer[] = [];
  const inPieces = {
    writev: (chunks: Buffer[]) => {
      const piece = Buffer.from(Buffer.concat(chunks).subarray(0, 3));
      taken.push(piece);
      return Promise.resolve({ bytesWritten: piece.length, buffers: chunks });
    },
    sync: () => Promise.resolve(),
    stat: handle.stat.bind(handle),
    close: handle.close.bind(handle),
  } as unknown as FileHandle;
  const output = new FileOutput(inPieces, { display: 'file:/a.zip', doing: 'WRITING' }, new AbortController().signal);
  const chunks = ['0123456789', 'ab', '', 'c', 'defg'].map((text) => Buffer.from(text));
  await pipeline(Readable.from(chunks), output);
  expect(Buffer.concat(taken).toString()).toBe('0123456789abcdefg');
  expect(output.written).toMatchObject({ bytes: 17, sha256: sha256('0123456789abcdefg') });
});

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
