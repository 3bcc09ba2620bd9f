import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { expect, test } from '@jest/globals';

import { SERVICE_NODE_FLAGS } from '@tidemark/platform';

/** What the documents promise of the npm scripts. */
const ROOT = resolve(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(resolve(ROOT, file), 'utf8');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

test('npm start runs the service with the flags that every service runs with', () => {
  const [, flags] = / node (.*) apps\/standalone\/dist\/main\.js$/.exec(scripts.start ?? '') ?? [];
  expect(flags).toBe(SERVICE_NODE_FLAGS.join(' '));
  expect(read('docs/adr/0006-services-run-with-a-bounded-heap.md')).toContain(
    `\`${String(flags)}\` (\`SERVICE_NODE_FLAGS\`)`,
  );
});

test.each(['README.md', 'ARCHITECTURE.md', 'apps/standalone/README.md', '.ci/run'])(
  'every npm command of %s is there',
  (file) => {
    const commands = [...read(file).matchAll(/\bnpm (?:run (?:--silent )?([\w:-]+)|(start|test)\b)/g)];
    const names = commands.map(([, ran, own]) => ran ?? own);
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name) => !Object.hasOwn(scripts, name ?? ''))).toEqual([]);
  },
);
