import type { FileHandle } from 'node:fs/promises';

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
