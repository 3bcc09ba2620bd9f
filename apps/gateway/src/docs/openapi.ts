import { VERSION } from '../version.js';
import { PATHS, type Operation } from './paths.js';
import { componentSchemas, refTo } from './schemas.js';

/** The public API as an OpenAPI 3.1 document. */
export function openApi(): object {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tidemark',
      version: VERSION,
      description: 'A versioned document index with asynchronous backup, restore and point-in-time recovery.',
    },
    paths: Object.fromEntries(
      Object.entries(PATHS).map(([path, operations]) => [
        path,
        {
          ...parametersOf(path),
          ...Object.fromEntries(
            Object.entries(operations).map(([method, operation]) => [method, described(operation)]),
          ),
        },
      ]),
    ),
    components: { schemas: componentSchemas(), securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    // A server without TIDEMARK_API_TOKENS wants none.
    security: [{ token: [] }, {}],
  };
}

function parametersOf(path: string): object {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  if (names.length === 0) return {};
  return { parameters: names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })) };
}

function described({ summary, parameters = [], body, answers }: Operation): object {
  return {
    summary,
    ...(parameters.length > 0
      ? {
          parameters: parameters.map(({ name, in: place, description }) => ({
            name,
            in: place,
            description,
            schema: { type: 'string' },
          })),
        }
      : {}),
    ...(body ? { requestBody: { required: true, content: { [body.type]: { schema: body.schema } } } } : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, { description, type = 'application/json', schema }]) => [
          status,
          { description, ...(schema ? { content: { [type]: { schema } } } : {}) },
        ]),
      ),
      default: { description: 'What is wrong', content: { 'application/json': { schema: refTo('Error') } } },
    },
  };
}
