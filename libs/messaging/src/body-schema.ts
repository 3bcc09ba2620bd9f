/** What a zod schema is to this lib. */
export interface BodySchema<T> {
  safeParse(value: unknown): SchemaResult<T>;
}

type SchemaResult<T> =
  | { readonly success: true; readonly data: T }
  | { readonly success: false; readonly error: { readonly issues: readonly SchemaIssue[] } };

interface SchemaIssue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Of a body that is handed on as it was written, JSON or not. */
export const anyText: BodySchema<string> = {
  safeParse: (value) =>
    typeof value === 'string'
      ? { success: true, data: value }
      : { success: false, error: { issues: [{ path: [], message: 'must be a string' }] } },
};

/** One line for all that is wrong; names fields, never shows their values. */
export function describeIssues(issues: readonly SchemaIssue[]): string {
  return issues.map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message)).join('; ');
}
