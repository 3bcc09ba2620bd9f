import { z } from 'zod';

import { hashOfToken, TOKEN_PATTERN, TOKEN_WANTED } from '@tidemark/nest';

/** What callers may do; each role may what those before it may. */
export const ROLES = ['reader', 'writer', 'operator'] as const;
export type Role = (typeof ROLES)[number];

export interface Caller {
  readonly name: string;
  readonly role: Role;
}

/** A token is kept as its hash only. */
export interface ApiToken extends Caller {
  readonly hash: Buffer;
}

const ENTRY = new RegExp(`^(?<name>[A-Za-z0-9._-]{1,64}):(?<role>[a-z]+):(?<token>${TOKEN_PATTERN})$`);
const WANTED =
  `must be name:role:token, the role one of reader, writer and operator, the token ${TOKEN_WANTED} ` +
  '(`openssl rand -hex 32` makes one)';

/** The setting: entries with commas between. Tells which entry is wrong, never what it holds. */
export const apiTokens: z.ZodType<readonly ApiToken[]> = z
  .string()
  .transform((text, context) => {
    const entries = text.split(',').map((entry) => apiTokenOf(entry.trim()));
    const complain = (index: number, message: string): void =>
      context.addIssue({ code: 'custom', message: `entry ${index + 1} ${message}` });
    for (const [index, entry] of entries.entries()) {
      if (!entry) complain(index, WANTED);
      else if (entries.slice(0, index).some((other) => other?.hash.equals(entry.hash)))
        complain(index, 'has the token of another one');
    }
    return entries.filter((entry) => entry !== undefined);
  })
  .default([]);

function apiTokenOf(entry: string): ApiToken | undefined {
  const { name = '', role = '', token = '' } = ENTRY.exec(entry)?.groups ?? {};
  const known = ROLES.find((one) => one === role);
  return known && { name, role: known, hash: hashOfToken(token) };
}

export function mayAct(role: Role, wanted: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(wanted);
}
