import { Agent, type ClientRequestArgs } from 'node:http';
import type { Socket, TcpNetConnectOpts } from 'node:net';

/** What a connection without a buffer of its own makes anew for each read, however little comes. */
const READ_BYTES = 64 * 1024;

/**
 * An agent whose connections each read into one buffer, again and again: the HTTP parser copies what it gives on, so
 * that nobody holds it. That is most of the garbage of whoever receives much.
 */
export class OneBufferAgent extends Agent {
  override createConnection(options: ClientRequestArgs): Socket {
    const onread: TcpNetConnectOpts['onread'] = {
      buffer: Buffer.allocUnsafeSlow(READ_BYTES),
      callback: (bytes, buffer) => {
        socket.emit('data', buffer.subarray(0, bytes));
        return true; // The parser pauses the connection itself where its reader has enough.
      },
    };
    const withBuffer: ClientRequestArgs & Pick<TcpNetConnectOpts, 'onread'> = { ...options, onread };
    const socket = super.createConnection(withBuffer) as Socket;
    return socket;
  }
}
