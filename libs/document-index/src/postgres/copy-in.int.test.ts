import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';

import { createTestDatabase, type TestDatabase } from '@tidemark/testing';

import { CopyIn } from './copy-in.js';
import { lendingSocket } from './lending-socket.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  await database.drop();
});

const SQL = 'COPY line (n, text) FROM STDIN';
/** Lengths that matter: none, a few bytes, over what is sent at once. */
const LENGTHS = [0, 1, 100, 5000, 300_000, 3, 1_000_000, 7];
const LONG = LENGTHS.map((length, n) => `${n}\t${'x'.repeat(length)}\n`).join('');
const MANY = Array.from({ length: 40_000 }, (_, n) => `${n}\t${n * 7919}\n`).join('');

async function connected(stream?: () => ReturnType<typeof lendingSocket>): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url, ...(stream ? { stream } : {}) });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('CREATE TABLE IF NOT EXISTS line (n int, text text)');
  return client;
}

/** In chunks of one memory, which is written over as soon as a chunk has been taken. */
function* lent(text: string, bytes: number): Generator<Buffer> {
  const memory = Buffer.alloc(bytes);
  for (let at = 0; at < text.length; at += bytes) {
    yield memory.subarray(0, memory.write(text.slice(at, at + bytes), 'latin1'));
    memory.fill('!');
  }
}

async function copied(client: pg.Client, text: string, bytes = 64 * 1024): Promise<number> {
  const copy = client.query(new CopyIn(SQL));
  for (const chunk of lent(text, bytes)) {
    await new Promise<void>((resolve, reject) => copy.write(chunk, (error) => (error ? reject(error) : resolve())));
  }
  copy.end();
  await once(copy, 'finish');
  return copy.rowCount;
}

async function lines(client: pg.Client): Promise<string> {
  const { rows } = await client.query<string[]>({
    text: 'SELECT n::text, text FROM line ORDER BY line.n',
    rowMode: 'array',
  });
  return rows.map((row) => `${row.join('\t')}\n`).join('');
}

describe.each([
  ['that lends its memory', lendingSocket],
  ['as pg makes it', undefined],
])('a copy into a connection %s', (_name, stream) => {
  let client: pg.Client;
  beforeAll(async () => {
    client = await connected(stream);
  });
  beforeEach(async () => {
    await client.query('TRUNCATE line');
  });
  afterAll(async () => {
    await client.end();
  });

  test.each([
    ['long rows', LONG, LENGTHS.length],
    ['many rows', MANY, 40_000],
    ['no row', '', 0],
  ])('brings %s, copied when they are taken, and the connection goes on', async (_rows, text, count) => {
    for (const bytes of [1000, 64 * 1024, 400_000]) {
      await client.query('TRUNCATE line');
      expect(await copied(client, text, bytes)).toBe(count);
      expect((await lines(client)) === text).toBe(true);
    }
  });

  test('fails with the error of the server, whose rows are none then, and the connection goes on', async () => {
    await expect(copied(client, `${MANY}no number\t\n${MANY}`)).rejects.toMatchObject({ code: '22P02' });
    await expect(
      pipeline(Readable.from([MANY]), client.query(new CopyIn('COPY none FROM STDIN'))),
    ).rejects.toMatchObject({ code: '42P01' });
    expect(await copied(client, LONG)).toBe(LENGTHS.length);
    expect((await lines(client)) === LONG).toBe(true);
  });

  test.each([
    ['at once', ''],
    ['after rows', MANY],
  ])('leaves no row of a source that fails %s, and the connection goes on', async (_when, before) => {
    const boom = new Error('boom');
    const source = Readable.from(
      (function* () {
        if (before !== '') yield before;
        throw boom;
      })(),
    );
    await expect(pipeline(source, client.query(new CopyIn(SQL)))).rejects.toBe(boom);
    expect(await copied(client, LONG)).toBe(LENGTHS.length);
    expect((await lines(client)) === LONG).toBe(true);
  });
});

test('a copy that frees chunks does so behind the last one of a memory, and not in memory that many share', async () => {
  const client = await connected(lendingSocket);
  const [own, shared] = [Buffer.alloc(100_000, '1\tx\n'), Buffer.from('2\ty\n')];
  const copy = client.query(new CopyIn(SQL, { freesChunks: true }));
  const written = (chunk: Buffer): Promise<void> =>
    new Promise((resolve, reject) => copy.write(chunk, (error) => (error ? reject(error) : resolve())));
  await written(own.subarray(0, 60_000));
  expect(own).toHaveLength(100_000);
  await written(own.subarray(60_000));
  await written(shared);
  copy.end();
  await once(copy, 'finish');
  expect([own.length, shared.length, copy.rowCount]).toEqual([0, 4, 25_001]);
  await client.end();
});

test('a connection that is lost in the middle fails the copy', async () => {
  const client = await connected(lendingSocket);
  const { rows: own } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const copy = client.query(new CopyIn(SQL));
  const failed = expect(once(copy, 'finish')).rejects.toMatchObject({ code: '57P01' });
  copy.write(MANY);
  const other = await connected();
  await other.query('SELECT pg_terminate_backend($1)', [own[0]?.pid]);
  await other.end();
  await failed;
});
