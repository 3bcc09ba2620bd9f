import type { DemoClient } from './client.js';
import { toDeletion, toLine, type City } from './cities.js';

/** What every document must be, kept beside the index while it is changed. */
export class Expected {
  readonly #cities: Map<string, City>;

  constructor(cities: Iterable<City>) {
    this.#cities = new Map([...cities].map((city) => [city.link, city]));
  }

  get size(): number {
    return this.#cities.size;
  }

  copy(): Expected {
    return new Expected(this.#cities.values());
  }

  /** Every `step`th city from `first` on gets a new revision; the lines that say so. */
  revise({ first, step, revision }: { first: number; step: number; revision: number }): string[] {
    return this.#every(first, step).map((city) => {
      const revised = { ...city, fields: { ...city.fields, revision } };
      this.#cities.set(city.link, revised);
      return toLine(revised);
    });
  }

  delete({ first, step }: { first: number; step: number }): string[] {
    return this.#every(first, step).map(({ link }) => {
      this.#cities.delete(link);
      return toDeletion(link);
    });
  }

  /** Reads every document and compares; throws at the first that is not as it must be. Returns how many there are. */
  async check(client: DemoClient): Promise<number> {
    let seen = 0;
    for await (const [link, fields] of client.documents('/cities/')) {
      const expected = this.#cities.get(link)?.fields;
      if (!expected || !sameFields(expected, fields)) {
        throw new Error(`${link} is ${JSON.stringify(fields)} and should be ${JSON.stringify(expected)}`);
      }
      seen++;
    }
    if (seen !== this.size) throw new Error(`${seen} documents are there and should be ${this.size}`);
    return seen;
  }

  #every(first: number, step: number): City[] {
    return [...this.#cities.values()].filter((_, n) => n >= first && (n - first) % step === 0);
  }
}

function sameFields(expected: City['fields'], fields: Record<string, unknown>): boolean {
  const names = Object.keys(expected);
  return names.length === Object.keys(fields).length && names.every((name) => expected[name] === fields[name]);
}
