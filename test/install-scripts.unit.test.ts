import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { expect, test } from '@jest/globals';

/** A package that runs a program of its own as it is installed: each is known, explained and not allowed to. */
const ROOT = resolve(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(resolve(ROOT, file), 'utf8');

interface Locked {
  readonly packages: Readonly<Record<string, { readonly hasInstallScript?: boolean }>>;
}

const { packages } = JSON.parse(read('package-lock.json')) as Locked;
const { allowScripts } = JSON.parse(read('package.json')) as { allowScripts: Record<string, boolean> };
const adr = read('docs/adr/0012-packages-that-are-not-ours.md');

const withScripts = Object.entries(packages)
  .filter(([, { hasInstallScript }]) => hasInstallScript)
  .map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));

test('the packages with an install script are those that are refused by name', () => {
  expect(withScripts.length).toBeGreaterThan(0);
  expect([...new Set(withScripts)].sort()).toEqual(Object.keys(allowScripts).sort());
});

test('none of them may run it', () => {
  expect(Object.entries(allowScripts).filter(([, allowed]) => allowed)).toEqual([]);
});

test.each(Object.keys(allowScripts))('the decision says why %s is there', (name) => {
  expect(adr).toContain(`\`${name}\``);
});
