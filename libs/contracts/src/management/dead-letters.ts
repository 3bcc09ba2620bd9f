import { z } from 'zod';

import { MANAGEMENT_LINK } from './management-status.js';

export const DEAD_LETTERS_LINK = `${MANAGEMENT_LINK}/dead-letters`;

/** A message that could not be handled, as a person sees it. */
export const deadLetterSchema = z.object({
  /** For `POST /core/management/dead-letters/{id}/replay`. */
  id: z.string(),
  /** The queue that it was on. */
  queue: z.string(),
  /** The way that a replay takes; null where there is none. */
  route: z.string().nullable(),
  reason: z.string(),
  diedAtMicros: z.int().nonnegative().nullable(),
  messageId: z.string().nullable(),
  /** As it was kept: secrets masked, garbage cut. */
  body: z.string(),
  replayable: z.boolean(),
  /** Why it is not replayable. */
  obstacle: z.string().nullable(),
});
export type DeadLetterEntry = z.infer<typeof deadLetterSchema>;

export const deadLetterListSchema = z.object({
  /** The oldest first. */
  deadLetters: z.array(deadLetterSchema),
  /** How many lie there, listed or not. */
  count: z.int().nonnegative(),
});
export type DeadLetterList = z.infer<typeof deadLetterListSchema>;
