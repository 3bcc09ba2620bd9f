import type { z } from 'zod';

/** A setting is missing or wrong; the message names it and says what is wanted. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the settings that `schema` names from the environment of the process. An empty value counts as not set.
 * Throws {@link ConfigError} with one line for each setting that is wrong; never shows a value, it may be a secret.
 */
export function readConfig<S extends z.ZodObject>(schema: S, environment: Environment = process.env): z.infer<S> {
  const given = Object.keys(schema.shape)
    .map((name) => [name, environment[name]] as const)
    .filter(([, value]) => value !== undefined && value !== '');
  const parsed = schema.safeParse(Object.fromEntries(given));
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => {
    const name = issue.path.join('.');
    return environment[name] ? `${name}: ${issue.message}` : `${name} is not set: ${issue.message}`;
  });
  throw new ConfigError(lines.join('\n'));
}

/** The environment as it is, for handing on to a child process or to {@link readConfig} with changes. */
export function environment(): Environment {
  return process.env;
}
