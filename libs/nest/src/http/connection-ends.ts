import type { FastifyInstance } from 'fastify';

import type { HttpLimits } from './http-limits.js';

/**
 * When connections end. An answer may come before the whole body was received: the rest is then read and thrown away
 * for a moment, for a connection closed at once would take the answer with it. Returns the signal of a closing server:
 * from then on every answer closes its connection, and what is still under way at the end of the bound is cut.
 */
export function manageConnectionEnds(fastify: FastifyInstance, { lingerMillis, drainMillis }: HttpLimits): AbortSignal {
  const stopping = new AbortController();
  fastify.addHook('preClose', (done) => {
    stopping.abort(new Error('the server is stopping'));
    const cut = setTimeout(() => fastify.server.closeAllConnections(), drainMillis).unref();
    fastify.server.once('close', () => clearTimeout(cut));
    done();
  });
  fastify.addHook('onSend', (_request, reply) => {
    if (stopping.signal.aborted) reply.header('connection', 'close');
    else reply.removeHeader('connection');
    return Promise.resolve();
  });
  fastify.addHook('onResponse', ({ raw }, _reply, done) => {
    if (!raw.complete && !raw.destroyed) {
      const cut = setTimeout(() => raw.socket.destroy(), lingerMillis).unref();
      raw.once('close', () => clearTimeout(cut));
      raw.resume();
    }
    done();
  });
  return stopping.signal;
}
