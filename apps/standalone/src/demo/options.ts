import { parseArgs } from 'node:util';

/** What a person may ask of the demo. */
export interface DemoOptions {
  /** Leaves it running when it is done. */
  readonly keep: boolean;
  /** Loads so many of the places only. */
  readonly places: number | undefined;
  /** A process for each service, with RabbitMQ between them. */
  readonly services: boolean;
}

export const USAGE = `npm run demo [-- --keep] [--places <number>]
  --keep             leaves it running when it is done, until Ctrl-C
  --places <number>  loads only so many of the places, 1000 or more
  --services         runs each service in a process of its own, with RabbitMQ between them`;

/** Undefined where the arguments are none that it has. */
export function readOptions(args: readonly string[]): DemoOptions | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { keep: { type: 'boolean' }, places: { type: 'string' }, services: { type: 'boolean' } },
    });
    const { keep = false, places, services = false } = values;
    if (places === undefined) return { keep, places, services };
    return /^\d{4,6}$/.test(places) ? { keep, places: Number(places), services } : undefined;
  } catch {
    return undefined;
  }
}
