import { createHash } from 'node:crypto';

import type { StoredMessage } from './broker-connection.js';
import { ownId } from './letter-headers.js';

/**
 * Ids of all dead letters, one after the other. One that the broker gave up has none of its own: its content stands for
 * it, and of equal ones, which are the same to everybody, the second that is seen is `….2`.
 */
export class LetterIds {
  readonly #seen = new Map<string, number>();

  next(message: StoredMessage): string {
    const id = ownId(message) ?? hashOf(message);
    const count = (this.#seen.get(id) ?? 0) + 1;
    this.#seen.set(id, count);
    return count === 1 ? id : `${id}.${count}`;
  }
}

function hashOf({ body, headers, ...properties }: StoredMessage): string {
  const sorted = (fields: object): unknown[] => Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash('sha256').update(JSON.stringify([sorted(properties), sorted(headers)]));
  return hash.update(body).digest('hex').slice(0, 32);
}
