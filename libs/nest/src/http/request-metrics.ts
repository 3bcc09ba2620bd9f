import { Histogram, type Registry } from '@tidemark/platform';
import type { FastifyInstance } from 'fastify';

const BUCKETS_SECONDS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 600];

/** Counts how long requests take, by route pattern, method and kind of answer: as many series as there are routes. */
export function measureRequests(fastify: FastifyInstance, metrics: Registry): void {
  const duration = new Histogram({
    name: 'tidemark_http_request_duration_seconds',
    help: 'Time from the headers of a request to the end of its answer',
    labelNames: ['route', 'method', 'status'] as const,
    buckets: BUCKETS_SECONDS,
    registers: [metrics],
  });
  fastify.addHook('onRequest', (request, reply, done) => {
    const { method, routeOptions } = request;
    const labels = {
      route: routeOptions.url ?? 'none',
      method: fastify.supportedMethods.includes(method) ? method : 'OTHER',
    };
    reply.raw.once('close', () => {
      const status = reply.raw.writableFinished ? `${Math.floor(reply.raw.statusCode / 100)}xx` : 'aborted';
      duration.observe({ ...labels, status }, reply.elapsedTime / 1000);
    });
    done();
  });
}
