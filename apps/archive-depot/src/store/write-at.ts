import type { FileHandle } from 'node:fs/promises';

import { withRoom } from '../errors.js';

/** Writes all of it. Throws DESTINATION_FULL. */
export async function writeAt(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await withRoom(() => handle.write(bytes, done, bytes.length - done, position + done));
    done += bytesWritten;
  }
}

/** Whether these very bytes are in the file there. */
export async function isAt(handle: FileHandle, bytes: Uint8Array, position: number): Promise<boolean> {
  const there = Buffer.allocUnsafe(bytes.length);
  let got = 0;
  while (got < bytes.length) {
    const { bytesRead } = await handle.read(there, got, bytes.length - got, position + got);
    if (bytesRead === 0) return false;
    got += bytesRead;
  }
  return there.equals(bytes);
}
