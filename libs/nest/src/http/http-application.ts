import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';

import { LinkInvalidError } from '@tidemark/contracts';
import type { Logger, Registry } from '@tidemark/platform';

import { answerWithError } from '../errors/answer-with-error.js';
import { ErrorFilter } from '../errors/error-filter.js';
import { SocketErrors } from '../errors/socket-error.js';
import { NestLogger } from '../nest-logger.js';
import { takeBodyLimits } from './body-limit.js';
import { manageConnectionEnds } from './connection-ends.js';
import { HTTP_LIMITS, MAX_PARAMETER_CHARACTERS, type HttpLimits } from './http-limits.js';
import { answerOtherMethods } from './method-not-allowed.js';
import { checkRequestBasics, requestIdOf } from './request-basics.js';
import { measureRequests } from './request-metrics.js';
import { rawPath } from './request-path.js';
import { keepServerState } from './server-state.js';
import { leaveBodiesRaw } from './whole-body.js';

/** PEM texts: the certificate, with those between it and its authority, and its key. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

export interface HttpApplicationOptions {
  readonly log: Logger;
  /** Where the durations of requests are kept. */
  readonly metrics: Registry;
  /** In this order before anything of the module: host check, authentication. */
  readonly onRequest?: readonly onRequestHookHandler[];
  readonly limits?: Partial<HttpLimits>;
  /** Bodies of every type are left as streams, not only those of the streamed types. */
  readonly streamAll?: boolean;
  /** Served over https with this; over http where there is none. */
  readonly tls?: TlsIdentity | undefined;
}

/**
 * An initialised Nest application on Fastify, not listening yet, with the rules of API.md built in: raw bodies and
 * paths, limits and time-outs, a request id on every answer, and every error in the one error body.
 */
export async function createHttpApplication(
  module: Type | DynamicModule,
  options: HttpApplicationOptions,
): Promise<NestFastifyApplication> {
  const { log } = options;
  const limits = { ...HTTP_LIMITS, ...options.limits };
  const socketErrors = new SocketErrors(limits);
  const adapter = createAdapter(limits, socketErrors, options);
  const fastify: FastifyInstance = adapter.getInstance();
  socketErrors.watch(fastify);
  keepServerState(fastify.server, { limits, stopping: manageConnectionEnds(fastify, limits) });
  measureRequests(fastify, options.metrics);
  checkRequestBasics(fastify, limits);
  for (const hook of options.onRequest ?? []) fastify.addHook('onRequest', hook);
  leaveBodiesRaw(fastify, { limits, streamAll: options.streamAll ?? false });
  takeBodyLimits(fastify);
  const addRefusals = answerOtherMethods(fastify);
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    logger: new NestLogger(log),
    abortOnError: false,
    bodyParser: false,
  });
  app.useGlobalFilters(new ErrorFilter(log));
  await app.init();
  addRefusals();
  return app;
}

function createAdapter(
  limits: HttpLimits,
  socketErrors: SocketErrors,
  { log, tls }: HttpApplicationOptions,
): FastifyAdapter {
  const server = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersMillis,
    connectionsCheckingInterval: Math.ceil(limits.headersMillis / 4),
    requireHostHeader: false,
  };
  const secure = { ...server, ...tls, handshakeTimeout: limits.headersMillis };
  return new FastifyAdapter({
    ...(tls ? { https: secure } : { http: server }),
    keepAliveTimeout: limits.keepAliveMillis,
    bodyLimit: limits.bodyBytes,
    trustProxy: false,
    genReqId: requestIdOf,
    clientErrorHandler: socketErrors.handle,
    routerOptions: { ignoreTrailingSlash: false, caseSensitive: true, maxParamLength: MAX_PARAMETER_CHARACTERS },
    frameworkErrors: (error: { code: string }, request: FastifyRequest, reply: FastifyReply) => {
      answerWithError(reply, unroutableError(error, rawPath(request)), log);
    },
  });
}

/** The router gives up before any hook runs where a path cannot be decoded or a parameter is too long. */
function unroutableError(error: { code: string }, path: string): unknown {
  if (error.code === 'FST_ERR_BAD_URL') return new LinkInvalidError(path, 'its percent-encoding is broken');
  if (error.code === 'FST_ERR_MAX_PARAM_LENGTH') return new LinkInvalidError(path, 'a part of it is too long');
  return error;
}
