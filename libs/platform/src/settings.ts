import { availableParallelism } from 'node:os';

import { z } from 'zod';

/** Forms of settings that several processes share. */

export const port = (byDefault: number): z.ZodType<number> =>
  z.coerce.number('must be a port number').int().min(0).max(65535, 'must be a port number').default(byDefault);

export const wholeNumber = (byDefault: number, bounds: Bounds = {}): z.ZodType<number> =>
  wholeNumberIn(bounds).default(byDefault);

/** Without a value where nobody says one. */
export const optionalWholeNumber = (bounds: Bounds): z.ZodOptional<z.ZodType<number>> =>
  wholeNumberIn(bounds).optional();

interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

function wholeNumberIn({ min = 0, max = Number.MAX_SAFE_INTEGER }: Bounds): z.ZodCoercedNumber {
  return z.coerce
    .number('must be a whole number')
    .int('must be a whole number')
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`);
}

/** Seconds as people write them, with fractions. */
export const seconds = (byDefault: number, { min, max }: { min: number; max: number }): z.ZodType<number> =>
  z.coerce
    .number('must be a number of seconds')
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`)
    .default(byDefault);

export const databaseUrl = z
  .string('a postgres:// URL is wanted')
  .refine((url) => /^postgres(ql)?:$/.test(URL.parse(url)?.protocol ?? ''), 'must be a postgres:// URL');

export const amqpUrl = z
  .string('an amqp:// URL is wanted')
  .refine((url) => /^amqps?:$/.test(URL.parse(url)?.protocol ?? ''), 'must be an amqp:// or amqps:// URL');

/** What the names of exchanges and queues begin with: several systems can share a virtual host of RabbitMQ. */
export const queuePrefix = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,100}$/, 'must be 1 to 100 of A-Z a-z 0-9 _ -')
  .default('tidemark');

/** A list with commas between; blanks around an entry do not count. */
export const commaList = (byDefault: readonly string[] = []): z.ZodType<readonly string[]> =>
  z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((entry) => entry.trim())
        .filter((entry) => entry !== ''),
    )
    .default([...byDefault]);

export const logLevel = z
  .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], 'must be a log level such as info')
  .default('info');

/** How many ways work is split in one process; the number of cores where nobody says, up to 8: each way takes memory. */
export const parallelism = wholeNumber(Math.min(availableParallelism(), 8), { min: 1, max: 64 });
