import { Socket } from 'node:net';

/** A socket that reads into the same memory again and again. */
export interface LendingSocket extends Socket {
  /** Gets that memory itself, for as long as it runs or keeps the socket paused; without it 'data' has copies. */
  borrower?: ((bytes: Buffer) => void) | undefined;
}

const READ_BYTES = 128 * 1024;

/**
 * For connections that bring much: a new buffer for each read would be garbage soon, and collecting it costs more than
 * all the rest that a copy does.
 */
export function lendingSocket(): LendingSocket {
  const take = (bytes: number, memory: Uint8Array): boolean => {
    const read = Buffer.from(memory.buffer, memory.byteOffset, bytes);
    if (socket.borrower) socket.borrower(read);
    else socket.emit('data', Buffer.from(read));
    return true;
  };
  const socket: LendingSocket = new Socket({ onread: { buffer: Buffer.allocUnsafeSlow(READ_BYTES), callback: take } });
  return socket;
}
