import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { exchange, query, type RawAnswer, type RawCall } from '@tidemark/testing';

/** Secrets that occur nowhere else, by what each is used for. */
export type Canaries = Readonly<Record<string, string>>;

/** None that a number, an id or a hash is written with: a piece of a canary is known too. */
const LETTERS = 'GHJKLMNPQRSTUVWXYZ';
const PIECE = 8;
/** Not one of ours: other things are written like it. */
const IS_HEX = /^[0-9a-f]+$/;

export function newCanaries<K extends string>(...uses: K[]): Record<K, string> {
  const letters = (): string => Array.from(randomBytes(24), (byte) => LETTERS[byte % LETTERS.length]).join('');
  return Object.fromEntries(uses.map((use) => [use, letters()])) as Record<K, string>;
}

/** Everything that could be seen of a system, by where: its answers, its tables, its processes, its logs. */
export class Sightings {
  readonly #seen: { readonly where: string; readonly text: string }[] = [];

  add(where: string, text: string): void {
    this.#seen.push({ where, text });
  }

  /** One request; its answer is seen whole. */
  async call(url: string, call: RawCall): Promise<RawAnswer> {
    const answer = await exchange(url, call);
    const { method = 'GET', path = '/' } = call;
    this.add(`the answer to ${method} ${path.split('?')[0]}`, JSON.stringify(answer.headers) + answer.text);
    return answer;
  }

  /** All tables of jobs and of the catalogue of indexes, as the database shows them to its owner. */
  async tables(databaseUrl: string, when: string): Promise<void> {
    const tables = await query<{ name: string }>(
      databaseUrl,
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname IN ('jobs', 'catalog')`,
    );
    for (const { name: table } of tables) {
      const rows = await query<{ text: string }>(databaseUrl, `SELECT seen::text AS text FROM ${table} AS seen`);
      this.add(`${table} ${when}`, rows.map(({ text }) => text).join('\n'));
    }
  }

  async commandLine(pid: number): Promise<void> {
    this.add(`the command line of ${pid}`, await readFile(`/proc/${pid}/cmdline`, 'utf8'));
  }

  /** Where which canary was seen, whole or a piece of it, in the forms that a secret travels in. */
  leaks(canaries: Canaries): string[] {
    return Object.entries(canaries).flatMap(([use, secret]) =>
      this.#seen
        .filter(({ text }) => formsOf(secret).some((form) => text.includes(form)))
        .map(({ where }) => `${use} in ${where}`),
    );
  }

  /** What was seen there, for tests that the right things were looked at. */
  at(where: string): string {
    return this.#seen
      .filter((seen) => seen.where.includes(where))
      .map(({ text }) => text)
      .join('\n');
  }
}

function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const piece = IS_HEX.test(secret) ? 2 * PIECE : PIECE;
  const encoded = [
    encodeURIComponent(secret),
    bytes.toString('hex'),
    bytes.toString('base64').replace(/.{0,2}=*$/, ''),
  ];
  return [secret.slice(0, piece), secret.slice(-piece), ...encoded];
}
