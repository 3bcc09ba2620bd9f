import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { RequestMethod, type Type } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';

import { ERRORS } from '@tidemark/contracts';

import { GatewayFixture } from '../gateway.fixture.test.js';
import { PUBLIC_CONTROLLERS } from '../gateway.module.js';

const operation = z.object({ summary: z.string().min(1), responses: z.record(z.string(), z.object({})) });
const documentSchema = z.object({
  openapi: z.literal('3.1.0'),
  paths: z.record(z.string(), z.record(z.string(), z.unknown())),
  components: z.object({ schemas: z.record(z.string(), z.record(z.string(), z.unknown())) }),
});

let fixture: GatewayFixture;
let text: string;
let headers: Record<string, unknown>;
let document: z.infer<typeof documentSchema>;
beforeAll(async () => {
  fixture = await GatewayFixture.open();
  ({ text, headers } = await fixture.ask({ path: '/core/docs' }));
  document = documentSchema.parse(JSON.parse(text));
});
afterAll(() => fixture.close());

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const methodsOf = (path: string): string[] =>
  Object.keys(document.paths[path] ?? {}).filter((key) => METHODS.includes(key));

describe('/core/docs', () => {
  test('is no page to a browser, nor is a document', async () => {
    const guards = {
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining("default-src 'none'; frame-ancestors 'none'") as unknown,
      'cache-control': 'no-store',
    };
    expect(headers).toMatchObject({ ...guards, 'content-type': 'application/json; charset=utf-8' });
    expect((await fixture.ask({ path: '/no/such/document' })).headers).toMatchObject(guards);
  });

  test('names every route that a controller has', () => {
    const routes = PUBLIC_CONTROLLERS.flatMap(routesOf);
    expect(routes.length).toBeGreaterThan(8);
    for (const { method, path } of routes)
      expect([path, methodsOf(path)]).toEqual([path, expect.arrayContaining([method])]);
  });

  test('names nothing that is not served, and every method that is', async () => {
    for (const path of Object.keys(document.paths).filter((each) => each !== '/{link}')) {
      const answer = await fixture.ask({ method: 'TRACE', path: path.replace('{id}', 'x') });
      const served = methodsOf(path).map((method) => method.toUpperCase());
      expect([path, answer.status, answer.headers.allow]).toEqual([
        path,
        405,
        [...served, ...(served.includes('GET') ? ['HEAD'] : [])].sort().join(', '),
      ]);
    }
  });

  test('describes each call, and refers only to what is there', () => {
    for (const path of Object.keys(document.paths)) {
      for (const method of methodsOf(path)) expect(() => operation.parse(document.paths[path]?.[method])).not.toThrow();
    }
    const places = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)(?:#\/\$defs\/(\w+))?"/g)];
    expect(places.length).toBeGreaterThan(10);
    for (const [, name = ''] of places) expect(Object.keys(document.components.schemas)).toContain(name);
    expect(text.match(/"\$ref"/g)).toHaveLength(places.length);
    expect(text).not.toMatch(/"\$(id|schema)"/);
  });

  test('has the schemas of the contracts, the closed list of error codes among them', () => {
    const { Job, Error: error } = document.components.schemas;
    expect(Job).toMatchObject({
      properties: { state: { enum: expect.arrayContaining(['QUEUED', 'FINISHING']) as unknown } },
    });
    expect(error).toMatchObject({ properties: { code: { type: 'string', enum: Object.keys(ERRORS) } } });
    expect(document.components.schemas.RestoreRequest).toMatchObject({ required: ['kind', 'destination'] });
    expect(document.components.schemas.BackupRequest).toMatchObject({ required: ['kind', 'destination'] });
  });
});

/** As OpenAPI writes them; what is served for all methods is the documents' business. */
function routesOf(controller: Type): { method: string; path: string }[] {
  const prototype = controller.prototype as Record<string, object>;
  const base = String(Reflect.getMetadata(PATH_METADATA, controller));
  return Object.getOwnPropertyNames(prototype).flatMap((name) => {
    const handler = prototype[name]!;
    const method = RequestMethod[Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod] as string | undefined;
    if (method === undefined || method === 'ALL') return [];
    const path = `/${base}/${String(Reflect.getMetadata(PATH_METADATA, handler))}`.replace(/\/+$/, '');
    return [{ method: method.toLowerCase(), path: path.replace(/:(\w+)/g, '{$1}') }];
  });
}
