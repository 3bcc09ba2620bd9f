import { createSecretKey, type KeyObject } from 'node:crypto';

import { z } from 'zod';

const BYTES = 32;
const WANTED = '32 random bytes in base64 are wanted; `npm run make-env` makes them';

/** The setting that holds the key which requests' secrets are sealed with; its value is never told. */
export const secretKey: z.ZodType<KeyObject> = z.string(WANTED).transform((text, context) => {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length === BYTES && bytes.toString('base64') === text) return createSecretKey(bytes);
  context.addIssue({ code: 'custom', message: WANTED });
  return z.NEVER;
});
