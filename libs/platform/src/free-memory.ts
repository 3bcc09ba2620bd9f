/**
 * Frees the memory of a chunk that was given away, and that was the last one of it: left to the garbage collector,
 * chunks bring it about all the time. Not that of short chunks, which many others may have a part of.
 */
export function freeMemory({ buffer, byteOffset, byteLength }: Uint8Array): void {
  const isLast = byteOffset + byteLength === buffer.byteLength;
  if (isLast && buffer.byteLength > Buffer.poolSize && 'transfer' in buffer) buffer.transfer(0);
}
