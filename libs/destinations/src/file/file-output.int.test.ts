import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';

import { describe, expect, test } from '@jest/globals';

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
  const output = outputTo(inPieces);
  const chunks = ['0123456789', 'ab', '', 'c', 'defg'].map((text) => Buffer.from(text));
  await pipeline(Readable.from(chunks), output);
  expect(Buffer.concat(taken).toString()).toBe('0123456789abcdefg');
  expect(output.written).toMatchObject({ bytes: 17, sha256: sha256('0123456789abcdefg') });
});

describe('much that is written', () => {
  const MIB = Buffer.alloc(1024 * 1024);
  const written = Array.from({ length: 40 }, () => MIB);

  /** Tells what was done in its order; `datasync` is as it is told. */
  async function recorded(datasync: () => Promise<void>): Promise<{ handle: FileHandle; done: string[] }> {
    const file = await open('/dev/null', 'w');
    const done: string[] = [];
    const handle = {
      writev: (chunks: Buffer[]) => Promise.resolve({ bytesWritten: Buffer.concat(chunks).length, buffers: chunks }),
      datasync: () => datasync().finally(() => done.push('datasync')),
      sync: () => Promise.resolve(void done.push('sync')),
      stat: file.stat.bind(file),
      close: () => (done.push('close'), file.close()),
    } as unknown as FileHandle;
    return { handle, done };
  }

  test('is synced on the way, and at the end', async () => {
    const { handle, done } = await recorded(() => Promise.resolve());
    await pipeline(Readable.from(written), outputTo(handle));
    expect(done).toEqual(['datasync', 'datasync', 'sync', 'close']);
  });

  test.each([20, 40])('%i MiB, of which the disk does not take the first, are not finished', async (count) => {
    const { handle, done } = await recorded(() =>
      Promise.reject(Object.assign(new Error('no room'), { code: 'ENOSPC' })),
    );
    const output = outputTo(handle);
    await expect(pipeline(Readable.from(written.slice(0, count)), output)).rejects.toMatchObject({
      code: 'DESTINATION_FULL',
    });
    expect(output.written).toBeUndefined();
    expect(done).toEqual(['datasync', 'close']);
  });

  test('keeps its file open until the sync under way has ended, however the output ends', async () => {
    const begun = Promise.withResolvers<undefined>();
    const slow = Promise.withResolvers<undefined>();
    const { handle, done } = await recorded(() => (begun.resolve(undefined), slow.promise));
    const output = outputTo(handle);
    const piped = pipeline(Readable.from(written), output);
    await begun.promise;
    output.destroy(new Error('stop'));
    expect(done).toEqual([]);
    slow.resolve(undefined);
    await expect(piped).rejects.toThrow('stop');
    expect(done).toEqual(['datasync', 'close']);
  });
});

const outputTo = (handle: FileHandle): FileOutput =>
  new FileOutput(handle, { display: 'file:/a.zip', doing: 'WRITING' }, new AbortController().signal);

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
