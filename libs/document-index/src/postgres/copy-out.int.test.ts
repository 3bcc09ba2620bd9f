import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';

import { createTestDatabase, type TestDatabase } from '@tidemark/testing';

import { CopyOut } from './copy-out.js';
import { lendingSocket } from './lending-socket.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  await database.drop();
});

/** Rows of the lengths that matter: none, a few bytes, longer than what is read at once. */
const LENGTHS = [0, 1, 100, 5000, 300_000, 3, 1_000_000, 7];
const LONG = `SELECT n, repeat('x', (ARRAY[${LENGTHS.join(', ')}])[n]) FROM generate_series(1, ${LENGTHS.length}) n`;
const MANY = `SELECT n, md5(n::text) FROM generate_series(1, 20000) n`;

describe.each([
  ['that lends its memory', lendingSocket],
  ['as pg makes it', undefined],
])('a copy out of a connection %s', (_name, stream) => {
  let client: pg.Client;
  beforeAll(async () => {
    client = new pg.Client({ connectionString: database.url, ...(stream ? { stream } : {}) });
    client.on('error', () => undefined);
    await client.connect();
  });
  afterAll(async () => {
    await client.end();
  });

  async function copied(sql: string): Promise<string> {
    const chunks: Buffer[] = [];
    const rows = client.query(new CopyOut(`COPY (${sql}) TO STDOUT`));
    for await (const chunk of rows) chunks.push(Buffer.from(chunk));
    expect(rows.ended).toBe(true);
    return Buffer.concat(chunks).toString();
  }

  test('has every row, and the connection goes on', async () => {
    for (const sql of [LONG, MANY, 'SELECT 1 WHERE false', MANY]) {
      const { rows } = await client.query<string[]>({ text: sql, rowMode: 'array' });
      expect(await copied(sql)).toBe(rows.map((row) => `${row.join('\t')}\n`).join(''));
    }
  });

  test('reads on only when it is asked to: a chunk stays as it was until then', async () => {
    const rows = client.query(new CopyOut(`COPY (${MANY}) TO STDOUT`));
    let text = '';
    for (let taken = await rows.next(); taken.done !== true; taken = await rows.next()) {
      const before = Buffer.from(taken.value);
      await new Promise((resolve) => setImmediate(resolve));
      expect(taken.value.equals(before)).toBe(true);
      text += before.toString();
    }
    expect(text.split('\n')).toHaveLength(20_001);
  });

  test('fails with the error of the server, after rows too, and the connection goes on', async () => {
    await expect(copied('SELECT 1 / 0')).rejects.toMatchObject({ code: '22012' });
    await expect(copied('SELECT n, 1 / (n - 9000) FROM generate_series(1, 20000) n')).rejects.toMatchObject({
      code: '22012',
    });
    await expect(copied('SELECT no_such_column')).rejects.toMatchObject({ code: '42703' });
    expect(await copied('SELECT 1')).toBe('1\n');
  });
});

test('a copy that is left says that rows are still on the connection; one who waits is told', async () => {
  const client = new pg.Client({ connectionString: database.url, stream: lendingSocket });
  client.on('error', () => undefined);
  await client.connect();
  const rows = client.query(new CopyOut(`COPY (SELECT pg_sleep(60)) TO STDOUT`));
  const waiting = rows.next();
  await rows.return();
  expect(await waiting).toEqual({ done: true, value: undefined });
  expect(await rows.next()).toEqual({ done: true, value: undefined });
  expect(rows.ended).toBe(false);
  client.connection.stream.destroy();
});

test('a connection that is lost in the middle fails the copy', async () => {
  const client = new pg.Client({ connectionString: database.url, stream: lendingSocket });
  client.on('error', () => undefined);
  await client.connect();
  const { rows: own } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const rows = client.query(new CopyOut(`COPY (SELECT n, pg_sleep(60) FROM generate_series(1, 3) n) TO STDOUT`));
  const failed = expect(rows.next()).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE', cause: { code: '57P01' } });
  const other = new pg.Client({ connectionString: database.url });
  await other.connect();
  await other.query('SELECT pg_terminate_backend($1)', [own[0]?.pid]);
  await other.end();
  await failed;
});
