import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import type { FastifyInstance } from 'fastify';

import { TooLargeError, toErrorBody, type TidemarkError } from '@tidemark/contracts';

import { RequestMalformedError, RequestTimeoutError } from '../http/http-errors.js';
import type { HttpLimits } from '../http/http-limits.js';
import { GUARDS, REQUEST_ID_HEADER } from '../http/request-basics.js';
import { ERROR_CONTENT_TYPE } from './answer-with-error.js';

type SocketError = Error & { readonly code?: string };

/** Answers what Node could not even make a request of; to be given to Fastify as its `clientErrorHandler`. */
export class SocketErrors {
  readonly #answers = new WeakMap<Socket, ServerResponse>();

  constructor(private readonly limits: HttpLimits) {}

  /** Remembers which answer a connection is at, so that no error is written into the middle of it. */
  watch(fastify: FastifyInstance): void {
    fastify.addHook('onRequest', (request, reply, done) => {
      this.#answers.set(request.raw.socket, reply.raw);
      done();
    });
  }

  readonly handle = (error: SocketError, socket: Socket): void => {
    const current = this.#answers.get(socket);
    const isInAnswer = current?.headersSent === true && !current.writableFinished;
    if (error.code === 'ECONNRESET' || !socket.writable || isInAnswer) socket.destroy();
    else socket.end(rawAnswer(this.#toTidemarkError(error)), () => socket.destroy());
  };

  #toTidemarkError(error: SocketError): TidemarkError {
    const { headersMillis, headerBytes } = this.limits;
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return new RequestTimeoutError('the request', headersMillis);
    if (error.code === 'HPE_HEADER_OVERFLOW')
      return new TooLargeError('the request line with its headers', headerBytes);
    return new RequestMalformedError('it is not HTTP', error);
  }
}

function rawAnswer(error: TidemarkError): string {
  const body = toErrorBody(error);
  const text = JSON.stringify(body);
  const lines = [
    `HTTP/1.1 ${body.statusCode} ${STATUS_CODES[body.statusCode] ?? ''}`,
    `${REQUEST_ID_HEADER}: ${randomUUID()}`,
    ...Object.entries(GUARDS).map(([name, value]) => `${name}: ${value}`),
    `content-type: ${ERROR_CONTENT_TYPE}`,
    `content-length: ${Buffer.byteLength(text)}`,
    'connection: close',
  ];
  return `${lines.join('\r\n')}\r\n\r\n${text}`;
}
