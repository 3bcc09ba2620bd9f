import { HttpTarget } from './callers.ts';
import type { MeasuredSystem } from './measured-system.ts';
import type { Noted, Operation } from './rounds.ts';

const DOCUMENTS = 60_000;
const LINE_CHARACTERS = 100;

/** Bodies are made before; each call is one body, one transaction. */
export function bulkOperations({ services }: MeasuredSystem): Operation[] {
  let folders = 0;
  const operation = (name: string, { lines, callers = 1, again = false }: BulkCase): Operation => {
    let folder = '';
    let bodies: string[] = [];
    const target = new HttpTarget(services.url);
    return {
      name,
      prepare: () => {
        if (!again || folder === '') folder = `/small/${folders++}`;
        bodies = bodiesOf(folder, lines);
        return again ? write(target, bodies, 1) : Promise.resolve();
      },
      run: async (): Promise<Noted> => {
        await write(target, bodies, callers);
        return { documents: DOCUMENTS };
      },
      tidy: () => {
        target.close();
        return Promise.resolve();
      },
    };
  };
  return [
    operation('new, bodies of 1,000', { lines: 1000 }),
    operation('new, bodies of 10,000', { lines: 10_000 }),
    operation('new, one body of 60,000', { lines: DOCUMENTS }),
    operation('new, bodies of 10,000, 2 callers', { lines: 10_000, callers: 2 }),
    operation('written before, bodies of 10,000', { lines: 10_000, again: true }),
  ];
}

interface BulkCase {
  readonly lines: number;
  readonly callers?: number;
  /** Links that are there already. */
  readonly again?: boolean;
}

async function write(target: HttpTarget, bodies: readonly string[], callers: number): Promise<void> {
  const waiting = [...bodies];
  const one = async (): Promise<void> => {
    for (let body = waiting.shift(); body !== undefined; body = waiting.shift()) {
      await target.call('POST', '/core/document-index', { body, type: 'application/x-ndjson' });
    }
  };
  await Promise.all(Array.from({ length: callers }, one));
}

function bodiesOf(folder: string, lines: number): string[] {
  return Array.from({ length: Math.ceil(DOCUMENTS / lines) }, (_, body) =>
    Array.from({ length: lines }, (_, line) => lineOf(folder, body * lines + line)).join(''),
  );
}

function lineOf(folder: string, number: number): string {
  const fields = { documentSelfLink: `${folder}/${number}`, number, text: '' };
  const missing = LINE_CHARACTERS - JSON.stringify(fields).length - 1;
  return `${JSON.stringify({ ...fields, text: 'tide '.repeat(20).slice(0, missing) })}\n`;
}
