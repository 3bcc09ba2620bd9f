import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { createTestDatabase, openHand, query, type Hand, type TestDatabase } from '@tidemark/testing';

import { archiveOf } from '../testing/archives.test.js';
import { row } from '../testing/rows.test.js';
import { README_TEXT } from './readme-text.js';

/** The lines of the sections 1 to 4 that a person would type. */
function commands(): string {
  const typed: string[] = [];
  let inHere = false;
  for (const line of README_TEXT.split('\n')) {
    if (inHere || /^(unzip|cd|sha256sum|export|createdb|psql|find) /.test(line)) typed.push(line);
    inHere = line.endsWith("<<'SQL'") || (inHere && line !== 'SQL');
  }
  return typed.join('\n');
}

const HISTORY = [
  [
    row({ link: '/a', stamp: 100, body: '{"n":1.10}' }),
    row({ link: '/a', version: 1, stamp: 200, body: '{"n":12345678901234567890}' }),
    row({ link: '/b', stamp: 200, kind: 'tab\tslash\\line\nend', body: '{"t":"a\\\\b \\"c\\" é 🦭"}' }),
  ],
  [
    row({ link: '/b', version: 1, stamp: 300, action: 'DELETE', body: '{"t":"gone"}' }),
    row({ link: '/c', stamp: 400, expiration: 5 }),
  ],
];

describe('the commands of README.txt', () => {
  let hand: Hand;
  let database: TestDatabase;
  beforeEach(async () => {
    hand = await openHand({ onlyStandIns: false });
    database = await createTestDatabase();
  });
  afterEach(async () => {
    await hand.remove();
    await database.drop();
  });

  /** Types the commands as they stand, but for the names of the archive and of the database, and the moment. */
  async function follow(zip: Buffer, moment: number): Promise<string> {
    await writeFile(join(hand.folder, 'ARCHIVE.zip'), zip);
    const script = commands()
      .replace(/^createdb .*$/m, '')
      .replaceAll('restored', database.name)
      .replace('T=1795428930123456', `T=${moment}`);
    return await hand.type(script);
  }

  /** Rows as `psql -At` shows them. */
  async function rowsOf(table: string): Promise<string[]> {
    const columns = ['link', 'version', 'update_action', 'kind', 'expiration_time_micros', 'body'];
    const texts = columns.map((column) => `coalesce(${column}::text, '')`).join(', ');
    const rows = await query<{ line: string }>(
      database.url,
      `SELECT concat_ws('|', ${texts}) AS line FROM ${table} ORDER BY link`,
    );
    return rows.map(({ line }) => line);
  }

  test('restore the latest state and the state at a moment', async () => {
    const said = await follow(await archiveOf(...HISTORY), 299);
    expect(said).toContain('parts/000002.copy.zst: OK');
    expect(said).toMatch(/versions *\n-+\n +5\n/);
    expect(said).toMatch(/documents *\n-+\n +2\n/);
    expect(said).toContain('1795428930123456');
    expect(await rowsOf('document')).toEqual(['/a|1|PUT|||{"n":12345678901234567890}', '/c|0|PUT||5|{}']);
    expect(await rowsOf('document_at_t')).toEqual([
      '/a|1|PUT|||{"n":12345678901234567890}',
      '/b|0|PUT|tab\tslash\\line\nend||{"t":"a\\\\b \\"c\\" é 🦭"}',
    ]);
  });

  test('restore an empty index', async () => {
    expect(await follow(await archiveOf(), 1)).toMatch(/versions *\n-+\n +0\n[^]*documents *\n-+\n +0\n/);
    expect(await rowsOf('document')).toEqual([]);
  });
});
