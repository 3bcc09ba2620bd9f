/** Stands in for psql: `-v NAME=VALUE`, `-f FILE`, `-c STATEMENT`, `-Atc STATEMENT`, statements or rows as input. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import pg from 'pg';

const { values } = parseArgs({
  options: {
    variable: { type: 'string', short: 'v', multiple: true, default: [] },
    file: { type: 'string', short: 'f' },
    command: { type: 'string', short: 'c' },
    'no-align': { type: 'boolean', short: 'A' },
    'tuples-only': { type: 'boolean', short: 't' },
  },
});
const input = () => readFileSync(values.file ?? 0, 'utf8');
const [, table] = /^COPY (\w+) FROM STDIN$/.exec(values.command ?? '') ?? [];
const client = new pg.Client();
await client.connect();
try {
  if (table === undefined) await run(values.command ?? withVariables(input()));
  else await copy(table, input());
} finally {
  await client.end();
}

async function run(statements) {
  const { rows = [] } = await client.query(statements);
  for (const row of rows) {
    const [[name, value]] = Object.entries(row);
    console.log(values['tuples-only'] ? String(value) : ` ${name} \n----\n  ${value}\n(1 row)\n`);
  }
}

function withVariables(text) {
  return values.variable
    .map((variable) => variable.split('='))
    .reduce((changed, [name, value]) => changed.replaceAll(`:${name}`, value), text);
}

async function copy(into, text) {
  const { rows: columns } = await client.query(
    'SELECT attname AS name, atttypid::regtype::text AS type FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0',
    [into],
  );
  const lines = text.split('\n').slice(0, -1);
  const cells = lines.map((line) => line.split('\t').map(unescaped));
  const list = (text) => columns.map(text).join(', ');
  await client.query(
    `INSERT INTO ${into} SELECT ${list(({ name, type }) => `${name}::${type}`)}
       FROM unnest(${list((_, column) => `$${column + 1}::text[]`)}) AS line (${list(({ name }) => name)})`,
    columns.map((_, column) => cells.map((line) => line[column])),
  );
}

function unescaped(cell) {
  const characters = { t: '\t', n: '\n', r: '\r', b: '\b', f: '\f', v: '\v' };
  return cell === '\\N' ? null : cell.replace(/\\(.)/g, (_, character) => characters[character] ?? character);
}
