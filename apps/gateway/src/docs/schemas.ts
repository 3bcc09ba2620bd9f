import { z } from 'zod';

import {
  backupRequestSchema,
  bulkResultSchema,
  deadLetterListSchema,
  deadLetterSchema,
  ERRORS,
  errorBodySchema,
  jobListSchema,
  jobSchema,
  managementStatusSchema,
  MAX_MICROS,
  restoreRequestSchema,
} from '@tidemark/contracts';

/** What a caller may send beside what a job keeps: a secret, and less, for there are defaults. */
const sentByCallers = { bearer: z.string().optional() };
const boundary = z.union([z.int().min(1).max(MAX_MICROS), z.string().regex(/^[0-9]{1,16}$/)]);

const SCHEMAS = {
  BackupRequest: backupRequestSchema.partial({ backupType: true, indexServiceLink: true }).extend(sentByCallers),
  RestoreRequest: restoreRequestSchema
    .partial({ indexServiceLink: true })
    .extend({ ...sentByCallers, timeSnapshotBoundaryMicros: boundary.optional() }),
  Job: jobSchema,
  JobList: jobListSchema,
  ManagementStatus: managementStatusSchema,
  DeadLetter: deadLetterSchema,
  DeadLetterList: deadLetterListSchema,
  BulkResult: bulkResultSchema,
  Error: errorBodySchema,
} as const satisfies Record<string, z.ZodType>;
export type SchemaName = keyof typeof SCHEMAS;

export function refTo(name: SchemaName): { $ref: string } {
  return { $ref: `#/components/schemas/${name}` };
}

/** Every schema of the public API as JSON Schema 2020-12, one referring to another by its place in the document. */
export function componentSchemas(): Record<string, object> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(SCHEMAS)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    io: 'input',
    unrepresentable: 'any',
    uri: (id) => `#/components/schemas/${id}`,
    override: ({ zodSchema, jsonSchema }) => {
      // The only schema of ours that is a function: zod cannot look into it.
      if (zodSchema._zod.def.type === 'custom')
        Object.assign(jsonSchema, { type: 'string', enum: Object.keys(ERRORS) });
    },
  });
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, withoutItsOwnAddress(schema)]));
}

/** Within a document a schema is named by its place, and its dialect is the document's. */
function withoutItsOwnAddress(schema: object): object {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => key !== '$id' && key !== '$schema'));
}
