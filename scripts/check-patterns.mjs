/**
 * Proves of every regular expression of the product, with an automaton, that its time grows with the text and no
 * faster, wherever in the text it starts: any of them may meet foreign text. First the proof is tried on planted
 * patterns that it must refuse.
 */
process.env.RECHECK_BACKEND = 'pure'; // read when recheck is loaded: the same answer on every machine

import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import ts from 'typescript';

const { checkSync } = await import('recheck');

const ROOT = resolve(import.meta.dirname, '..');
const SOURCES = globSync('{apps,libs}/*/src/**/*.ts', { cwd: ROOT })
  .filter((file) => !/\.(test|contract)\.ts$|^libs\/testing\//.test(file))
  .sort();
/** Repetitions up to here are as good as written out. */
const FEW = 64;

const PLANTED = [String.raw`(a+)+$`, String.raw`\s*x?\s*$`, String.raw`amqp:[^ ]*@`];

/** What cannot be proved or need not be, each with its reason. */
const EXCEPTIONS = {
  'apps/standalone/src/demo/child.ts': 'reads the banner of our own process',
  'libs/local-services/src/postgres/abandoned-databases.ts': 'reads names of databases that we gave',
  'libs/local-services/src/postgres/postmaster.ts': 'reads the command line of a process that we started',
};

const files = new Map(
  SOURCES.map((file) => [
    file,
    ts.createSourceFile(file, readFileSync(resolve(ROOT, file), 'utf8'), ts.ScriptTarget.Latest, true),
  ]),
);

/** Text of an expression of constants; undefined where it is known only when the product runs. */
function textOf(node) {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isIdentifier(node)) return constant(node.text, node.getSourceFile());
  if (ts.isBinaryExpression(node)) return joined([textOf(node.left), textOf(node.right)]);
  if (ts.isTaggedTemplateExpression(node)) return templateText(node.template, (piece) => piece.rawText);
  return ts.isTemplateExpression(node) ? templateText(node, (piece) => piece.text) : undefined;
}

function templateText(template, read) {
  if (ts.isNoSubstitutionTemplateLiteral(template)) return read(template);
  const spans = template.templateSpans.flatMap(({ expression, literal }) => [textOf(expression), read(literal)]);
  return joined([read(template.head), ...spans]);
}

function joined(pieces) {
  return pieces.includes(undefined) ? undefined : pieces.join('');
}

/** Of this file, or of the file that exports it. */
function constant(name, own) {
  for (const file of [own, ...files.values()]) {
    for (const statement of file.statements.filter(ts.isVariableStatement)) {
      const found = statement.declarationList.declarations.find((each) => each.name.getText() === name);
      if (found?.initializer) return textOf(found.initializer);
    }
  }
  return undefined;
}

function* patternsIn(node) {
  if (ts.isRegularExpressionLiteral(node)) {
    const end = node.text.lastIndexOf('/');
    yield { source: node.text.slice(1, end), flags: node.text.slice(end + 1), node };
  }
  if (ts.isNewExpression(node) && node.expression.getText() === 'RegExp') {
    const [source, flags] = node.arguments;
    yield { source: textOf(source), flags: flags ? textOf(flags) : '', node };
  }
  for (const child of node.getChildren()) yield* patternsIn(child);
}

function isTrivial(source) {
  const unbounded = /[*+]|\{\d+,\}/.test(source.replaceAll(/\\.|\[(?:\\.|[^\]\\])*\]/g, 'x'));
  return !unbounded;
}

/** With longer repetitions as endless ones, which can only take more time, and which are proved sooner. */
function looser(source) {
  return source.replaceAll(/\{(?:\d+,)?(\d+)\}/g, (repeat, most) => (Number(most) > FEW ? '*' : repeat));
}

/** Undefined where it is linear. */
function complaintOf(source, flags) {
  if (source === undefined) return 'it is known only when the product runs';
  const pattern = looser(source);
  if (isTrivial(pattern)) return undefined;
  const { status, complexity, attack } = checkSync(pattern, flags, { timeout: null, attackTimeout: null });
  return status === 'safe' ? undefined : `${status}, ${complexity?.summary ?? 'not decided'}: ${attack?.pattern ?? ''}`;
}

const blind = PLANTED.filter((source) => complaintOf(source, '') === undefined);
const patterns = [...files].flatMap(([file, source]) => [...patternsIn(source)].map((each) => ({ file, ...each })));
const asked = new Map();
const wrong = patterns.flatMap(({ file, source, flags, node }) => {
  if (file in EXCEPTIONS) return [];
  const key = `/${source}/${flags}`;
  if (!asked.has(key)) asked.set(key, complaintOf(source, flags));
  const complaint = asked.get(key);
  const { line } = node.getSourceFile().getLineAndCharacterOfPosition(node.getStart());
  return complaint === undefined ? [] : [`${file}:${line + 1} ${key}: ${complaint}`];
});
for (const source of blind) wrong.push(`the planted pattern /${source}/ was not seen`);
for (const file of Object.keys(EXCEPTIONS)) if (!files.has(file)) wrong.push(`there is no ${file}`);
if (patterns.length < 50) wrong.push(`only ${patterns.length} patterns were found`);
for (const each of wrong) console.log(each);
console.log(`${patterns.length} patterns, ${asked.size} different ones looked at`);
process.exit(wrong.length > 0 ? 1 : 0);
