import { createHash, timingSafeEqual } from 'node:crypto';

import { z } from 'zod';

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

const ENTRY = /^(?<name>[A-Za-z0-9._-]{1,64}):(?<role>[a-z]+):(?<token>[\w.~+/-]{16,1000}={0,2})$/;
const WANTED =
  'must be name:role:token, the role one of reader, writer and operator, the token at least 16 characters of ' +
  'A-Z a-z 0-9 - . _ ~ + / (`openssl rand -hex 32` makes one)';

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
  return known && { name, role: known, hash: hashOf(token) };
}

/** Whose token it is. Takes as long for any token, whatever it has in common with a right one. */
export function callerWith(token: string, tokens: readonly ApiToken[]): Caller | undefined {
  const hash = hashOf(token);
  const [caller] = tokens.filter((known) => timingSafeEqual(known.hash, hash));
  return caller;
}

export function mayAct(role: Role, wanted: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(wanted);
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
