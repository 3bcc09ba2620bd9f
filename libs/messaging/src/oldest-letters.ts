import type { StoredMessage } from './broker-connection.js';
import { readDeadLetter, type DeadLetter } from './dead-letter.js';
import { diedAt } from './letter-headers.js';
import { LetterIds } from './letter-ids.js';

/** A list of letters ends after the one that reaches this: each may have a megabyte. */
const MAX_LISTED_BYTES = 4 * 1024 * 1024;

interface Entry {
  readonly id: string;
  readonly message: StoredMessage;
  readonly at: number;
}

/**
 * The oldest of all dead letters, which may come in any order: a broker puts those that were looked at behind the
 * others. Holds hardly more than it lists.
 */
export class OldestLetters {
  readonly #ids = new LetterIds();
  #kept: Entry[] = [];
  #bytes = 0;

  constructor(private readonly limit: number) {}

  add(message: StoredMessage): void {
    this.#kept.push({ id: this.#ids.next(message), message, at: diedAt(message) ?? Infinity });
    this.#bytes += message.body.length;
    if (this.#kept.length > 2 * this.limit || this.#bytes > 2 * MAX_LISTED_BYTES) this.#trim();
  }

  list(): DeadLetter[] {
    this.#trim();
    return this.#kept.map(({ id, message }) => readDeadLetter(id, message));
  }

  #trim(): void {
    this.#kept.sort((a, b) => (a.at === b.at ? (a.id < b.id ? -1 : 1) : a.at - b.at));
    this.#bytes = 0;
    const end = this.#kept.findIndex(({ message }, index) => {
      this.#bytes += message.body.length;
      return index + 1 === this.limit || this.#bytes >= MAX_LISTED_BYTES;
    });
    if (end >= 0) this.#kept.length = end + 1;
  }
}
