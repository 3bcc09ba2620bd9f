import type { FastifyInstance, HTTPMethods } from 'fastify';

import { MethodNotAllowedError } from '@tidemark/contracts';

/** Notes every route that is added from now on; the function returned then answers 405 for all other methods of them. */
export function answerOtherMethods(fastify: FastifyInstance): () => void {
  const methodsOf = new Map<string, { url: string; methods: Set<string> }>();
  let noting = true;
  fastify.addHook('onRoute', ({ url, method }) => {
    if (!noting) return;
    const shape = url.replace(/:[^/.(-]+/g, ':');
    const noted = methodsOf.get(shape) ?? { url, methods: new Set() };
    for (const each of [method].flat()) noted.methods.add(each);
    methodsOf.set(shape, noted);
  });
  return () => {
    noting = false;
    for (const { url, methods } of methodsOf.values()) addRefusal(fastify, url, methods);
  };
}

function addRefusal(fastify: FastifyInstance, url: string, allowed: ReadonlySet<string>): void {
  const method = fastify.supportedMethods.filter((other) => !allowed.has(other)) as HTTPMethods[];
  const methods = [...allowed].sort();
  if (method.length === 0) return;
  fastify.route({
    url,
    method,
    handler: (request) => {
      throw new MethodNotAllowedError(request.method, methods);
    },
  });
}
