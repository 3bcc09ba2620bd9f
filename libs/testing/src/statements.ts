/** What was said to PostgreSQL, as it went over the wire. */
export interface Statement {
  /** The `application_name` of its connection. */
  readonly by: string;
  /** A number that the connection has, and no other. */
  readonly connection: number;
  /** With `$1` for values; several statements in one message are one. Null where the connection ended. */
  readonly text: string | null;
}

/** Reads what a client says to PostgreSQL: statements, in either protocol, and nothing of what they carry. */
export class StatementReader {
  #started = false;
  #skip = 0;
  #rest: Buffer = Buffer.alloc(0);
  readonly #prepared = new Map<string, string>();
  #bound = '';

  /** The texts of the statements that this chunk completes. */
  *read(chunk: Buffer): Generator<string> {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const skipped = Math.min(this.#skip, bytes.length);
      this.#skip -= skipped;
      bytes = bytes.subarray(skipped);
      const head = this.#started ? 5 : 4;
      if (bytes.length < head) break;
      const type = this.#started ? String.fromCharCode(bytes[0] ?? 0) : 'startup';
      const end = head - 4 + bytes.readInt32BE(head - 4);
      if (READ.has(type)) {
        if (bytes.length < end) break;
        const text = this.#textOf(type, bytes.subarray(head, end));
        if (text !== undefined) yield text;
      }
      this.#started = true;
      this.#skip = end;
    }
    this.#rest = bytes;
  }

  #textOf(type: string, message: Buffer): string | undefined {
    const [first = '', second = ''] = message.toString('latin1').split('\0', 2);
    if (type === 'Q') return first;
    if (type === 'P') this.#prepared.set(first, second);
    else if (type === 'B') this.#bound = this.#prepared.get(second) ?? '';
    else return this.#bound;
    return undefined;
  }
}

/** Query, Parse, Bind and Execute. */
const READ = new Set(['Q', 'P', 'B', 'E']);

/** How many of the statements that begin so were under way at once: from one to the next of its connection, or its end. */
export function mostAtOnce(statements: readonly Statement[], beginning: string): number {
  const underWay = new Set<number>();
  let most = 0;
  for (const { connection, text } of statements) {
    if (text?.startsWith(beginning)) underWay.add(connection);
    else underWay.delete(connection);
    most = Math.max(most, underWay.size);
  }
  return most;
}
