/**
 * Holds every import against scripts/arrows.mjs. First it plants bad imports into a copy of the sources and demands
 * that each is seen: a tool gone blind (a compiler it cannot read, an alias it cannot follow) must not say "all well".
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';

import { cruise } from 'dependency-cruiser';

import { PLANTED, rules } from './arrows.mjs';

const ROOT = resolve(import.meta.dirname, '..');
const FOLDERS = ['libs', 'apps', 'test', 'bench'].filter((folder) => existsSync(join(ROOT, folder)));

async function violationsIn(root, tsconfig) {
  const { output } = await cruise(
    FOLDERS,
    {
      baseDir: root,
      ruleSet: { forbidden: rules },
      validate: true,
      combinedDependencies: true,
      tsPreCompilationDeps: true,
      doNotFollow: { path: 'node_modules' },
      exclude: { path: '(^|/)(dist|fixtures)/' },
      parser: 'tsc',
    },
    {
      conditionNames: ['source', 'node', 'import', 'require', 'default'],
      exportsFields: ['exports'],
      extensions: ['.ts', '.mjs', '.js', '.json', '.d.ts'],
      extensionAlias: { '.js': ['.ts', '.js'] },
    },
    { tsConfig: tsconfig },
  );
  return output.summary;
}

function copyWithPlantedImports() {
  const copy = realpathSync(mkdtempSync(join(tmpdir(), 'tidemark-arrows-')));
  const isSource = (path) => !/(^|\/)(node_modules|dist|\.turbo)(\/|$)/.test(relative(ROOT, path));
  for (const folder of FOLDERS) cpSync(join(ROOT, folder), join(copy, folder), { recursive: true, filter: isSource });
  cpSync(join(ROOT, 'package.json'), join(copy, 'package.json'));
  linkModules(copy);
  for (const [file, [source]] of Object.entries(PLANTED)) writeFileSync(join(copy, file), `${source}\n`);
  return copy;
}

/** Workspaces are linked to the copy, everything else to what is installed. */
function linkModules(copy) {
  mkdirSync(join(copy, 'node_modules/@tidemark'), { recursive: true });
  for (const name of readdirSync(join(ROOT, 'node_modules')).filter(
    (entry) => entry !== '@tidemark' && !entry.startsWith('.'),
  )) {
    symlinkSync(join(ROOT, 'node_modules', name), join(copy, 'node_modules', name));
  }
  for (const folder of ['libs', 'apps']) {
    for (const name of readdirSync(join(copy, folder))) {
      symlinkSync(join(copy, folder, name), join(copy, 'node_modules/@tidemark', name));
    }
  }
}

async function proveSight() {
  const copy = copyWithPlantedImports();
  try {
    const { violations } = await violationsIn(copy, undefined);
    const unseen = Object.entries(PLANTED).filter(
      ([file, [, rule]]) => !violations.some((violation) => violation.from === file && violation.rule.name === rule),
    );
    for (const [file, [source, rule]] of unseen) console.error(`not seen: ${file} with ${source} should break ${rule}`);
    return unseen.length === 0;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

if (!(await proveSight())) {
  console.error('the arrows cannot be checked: the tool does not see planted bad imports');
  process.exit(1);
}
const { violations, totalCruised } = await violationsIn(ROOT, undefined);
for (const { rule, from, to } of violations) console.error(`${rule.name}: ${from} -> ${to}`);
console.log(
  `${Object.keys(PLANTED).length} planted imports seen, ${totalCruised} modules, ${violations.length} violations`,
);
process.exit(violations.length === 0 ? 0 : 1);
