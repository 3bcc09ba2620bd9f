import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { expect, test } from '@jest/globals';

import { SERVICE_NODE_FLAGS } from '@tidemark/platform';

/** What the documents promise of the npm scripts. */
const ROOT = resolve(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(resolve(ROOT, file), 'utf8');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

test.each(['standalone', 'gateway', 'index-service', 'transfer-worker', 'archive-depot'])(
  '%s is started with the flags of every service',
  (app) => {
    const script = scripts[app === 'standalone' ? 'start' : `start:${app}`] ?? '';
    const [, flags, started] = / node (.*) apps\/([\w-]+)\/dist\/main\.js$/.exec(script) ?? [];
    expect([flags, started]).toEqual([SERVICE_NODE_FLAGS.join(' '), app]);
  },
);

test('the decision for these flags names them', () => {
  const adr = read('docs/adr/0006-services-run-with-a-bounded-heap.md');
  expect(adr).toContain(`\`${SERVICE_NODE_FLAGS.join(' ')}\` (\`SERVICE_NODE_FLAGS\`)`);
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
