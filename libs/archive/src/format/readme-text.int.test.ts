import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { createTestDatabase, testServerUrl, type TestDatabase } from '@tidemark/testing';

import { archiveOf } from '../testing/archives.test.js';
import { row } from '../testing/rows.test.js';
import { README_TEXT } from './readme-text.js';

const TOOLS = ['bash', 'unzip', 'sha256sum', 'zstd', 'psql', 'createdb'];
const missing = TOOLS.filter(
  (tool) => !(process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, tool))),
);
const describeWithTools = missing.length === 0 ? describe : describe.skip;

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

describeWithTools(`the commands of README.txt (missing here: ${missing.join(', ') || 'nothing'})`, () => {
  let folder: string;
  let database: TestDatabase;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidemark-readme-'));
    database = await createTestDatabase();
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
    await database.drop();
  });

  /** Types the commands as they stand, but for the names of the archive and of the database, and the moment. */
  async function follow(zip: Buffer, moment: number): Promise<string> {
    await writeFile(join(folder, 'ARCHIVE.zip'), zip);
    const script = commands()
      .replace(/^createdb .*$/m, '')
      .replaceAll('restored', database.name)
      .replace('T=1795428930123456', `T=${moment}`);
    const server = new URL(testServerUrl());
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], {
      cwd: folder,
      env: {
        ...process.env,
        PGHOST: server.hostname,
        PGPORT: server.port || '5432',
        PGUSER: decodeURIComponent(server.username),
        PGPASSWORD: decodeURIComponent(server.password),
      },
    });
    return stdout;
  }

  async function rowsOf(table: string): Promise<string[]> {
    const query = `SELECT link, version, update_action, kind, expiration_time_micros, body FROM ${table} ORDER BY link`;
    const { stdout } = await promisify(execFile)('psql', ['-Atc', query, database.url]);
    return stdout.trimEnd().split('\n');
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
      '/b|0|PUT|tab\tslash\\line',
      'end||{"t":"a\\\\b \\"c\\" é 🦭"}',
    ]);
  });

  test('restore an empty index', async () => {
    expect(await follow(await archiveOf(), 1)).toMatch(/versions *\n-+\n +0\n[^]*documents *\n-+\n +0\n/);
    expect(await rowsOf('document')).toEqual(['']);
  });
});
