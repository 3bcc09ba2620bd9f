import { systemClock } from '@tidemark/platform';

/** Prints each step of the demo on a line, with what it did and how long it took. */
export class Report {
  readonly #startedMillis = systemClock.monotonicMillis();

  constructor(private readonly output: NodeJS.WritableStream) {}

  async step<T extends string>(name: string, work: () => Promise<T>): Promise<void> {
    const startedMillis = systemClock.monotonicMillis();
    const told = await work();
    this.line(`${name.padEnd(30)} ${seconds(startedMillis).padStart(7)}  ${told}`);
  }

  line(text: string): void {
    this.output.write(`${text}\n`);
  }

  get total(): string {
    return seconds(this.#startedMillis).trim();
  }
}

export function count(number: number): string {
  return number.toLocaleString('en-US');
}

export function bytes(number: number): string {
  return `${(number / 1e6).toFixed(1)} MB`;
}

function seconds(startedMillis: number): string {
  return `${((systemClock.monotonicMillis() - startedMillis) / 1000).toFixed(2)} s`;
}
