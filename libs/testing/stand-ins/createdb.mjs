/** Stands in for createdb: `-T TEMPLATE -E ENCODING NAME`. */
import { parseArgs } from 'node:util';

import pg from 'pg';

const { values, positionals } = parseArgs({
  options: { template: { type: 'string', short: 'T' }, encoding: { type: 'string', short: 'E' } },
  allowPositionals: true,
});
const client = new pg.Client({ database: 'postgres' });
await client.connect();
await client.query(`CREATE DATABASE ${positionals[0]} TEMPLATE ${values.template} ENCODING '${values.encoding}'`);
await client.end();
