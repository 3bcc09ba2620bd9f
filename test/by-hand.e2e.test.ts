import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import type { BackupResult } from '@tidemark/contracts';
import {
  createTestDatabase,
  fingerprintOf,
  openHand,
  query,
  startSystem,
  type Hand,
  type Job,
  type RunningSystem,
  type TestDatabase,
} from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/**
 * What the documents tell a person to type, typed: the commands of README.md and docs/http.md on a server, and those of
 * the README.txt in an archive without one. Once with the tools of this machine as far as it has them, once with the
 * stand-ins alone, so that these stay worth something where they are needed.
 */
describe.each([
  ['with the tools that are here', false],
  ['with stand-ins for all tools', true],
])('%s', (_with, onlyStandIns) => {
  let it: RunningSystem;
  let depot: string;
  let hand: Hand;
  let database: TestDatabase;
  beforeAll(async () => {
    it = await startSystem({ settings: { TIDEMARK_PART_BYTES: '65536' } });
    depot = /^ {2}depot +(\S+)/m.exec(it.worker.output)?.[1] ?? '';
    hand = await openHand({ onlyStandIns });
    database = await createTestDatabase();
    await database.drop(); // README.txt makes it; the name is ours
  });
  afterAll(async () => {
    await hand.remove();
    await it.remove();
    await database.drop();
  });

  /** The commands of a document, each with what belongs to it. */
  const readCommands = async (file: string): Promise<string[]> => {
    const text = await readFile(resolve(import.meta.dirname, '..', file), 'utf8');
    const blocks = text.matchAll(/^```sh\n([^]*?)^```/gm);
    return [...blocks].flatMap(([, block = '']) => block.split(/^(?=curl |unzip )/m));
  };
  /** On the server and in the folders of this test. */
  const here = (command: string): string =>
    command
      .replaceAll('localhost:8000', new URL(it.url).host)
      .replaceAll('http://127.0.0.1:8082/archives/', depot)
      .replaceAll('/var/backup', it.archives)
      .replaceAll('/tmp/look', `${hand.folder}/look`);
  const typeJson = async (command: string): Promise<Record<string, unknown>> =>
    JSON.parse(await hand.type(here(command))) as Record<string, unknown>;

  describe('README.md', () => {
    let commands: string[];
    const command = (start: string): string => commands.find((candidate) => candidate.startsWith(start)) ?? '';
    beforeAll(async () => {
      commands = await readCommands('README.md');
    });

    test('a document, and the contract’s own call: 202 with a job that succeeds', async () => {
      expect(await typeJson(command('curl -X POST'))).toMatchObject({
        documentSelfLink: '/notes/first',
        text: 'hello',
      });
      expect(await typeJson(command('curl http'))).toMatchObject({ documentSelfLink: '/notes/first', text: 'hello' });
      const patches = commands.filter((candidate) => candidate.startsWith("curl -X PATCH -H 'Content-Type"));
      expect(patches.map((patch) => /:(\w+)",\n/.exec(patch)?.[1])).toEqual(['BackupRequest', 'RestoreRequest']);
      const job = await typeJson(patches[0] ?? '');
      expect(job).toMatchObject({ request: { destination: `file:${it.archives}/xenon-backup.zip` } });
      expect(['QUEUED', 'RUNNING']).toContain(job.state);
      expect(await it.client.ended(String(job.id))).toMatchObject({ state: 'SUCCEEDED', result: { documents: 1 } });
    });

    test('the same with Prefer: wait=60, and its restore: the jobs as they ended', async () => {
      const backup = command('curl -X PATCH').replace('-X PATCH', "-X PATCH -H 'Prefer: wait=60'");
      expect(await typeJson(backup)).toMatchObject({ state: 'SUCCEEDED', result: { documents: 1, versions: 1 } });
      const restore = backup.replace('BackupRequest', 'RestoreRequest');
      expect(await typeJson(restore)).toMatchObject({
        state: 'SUCCEEDED',
        result: { documents: 1, restartRequired: false },
      });
    });

    test('back to a moment', async () => {
      const { documentUpdateTimeMicros: moment } = await typeJson(command('curl http'));
      await it.client.put('/notes/first', { text: 'other' });
      await it.client.backup(`file:${it.archives}/xenon-backup.zip`);
      const restore = commands.find((candidate) => candidate.includes('timeSnapshotBoundaryMicros')) ?? '';
      const answered = await typeJson(restore.replace(/(?<="timeSnapshotBoundaryMicros": )\d+/, String(moment)));
      expect(answered).toMatchObject({ state: 'SUCCEEDED', result: { effectiveBoundaryMicros: moment } });
      expect(await typeJson(command('curl http'))).toMatchObject({ text: 'hello' });
    });

    test('the archive, looked into', async () => {
      const listed = await hand.type(here(command('unzip -l')));
      for (const name of ['README.txt', 'schema.sql', 'parts/000001.copy.zst', 'manifest.json', 'SHA256SUMS']) {
        expect(listed).toContain(` ${name}\n`);
      }
      const looked = await hand.type(here(command('unzip -q')));
      expect(looked.match(/.+: OK$/gm)).toHaveLength(4);
      expect(JSON.parse(looked.slice(looked.indexOf('{')))).toMatchObject({
        format: 'tidemark-archive',
        formatVersion: 1,
      });
    });
  });

  test('docs/http.md: a backup to the depot, which then has it', async () => {
    const commands = await readCommands('docs/http.md');
    expect(commands).toHaveLength(2);
    const [backup = '', list = ''] = commands;
    expect(await typeJson(backup)).toMatchObject({
      state: 'SUCCEEDED',
      request: { destination: `${depot}first.zip` },
    });
    expect(await hand.type(here(list))).toContain('first.zip');
  });

  describe('the README.txt of an archive', () => {
    let backup: Job;
    let moment: number;
    beforeAll(async () => {
      await it.client.bulk(Array.from({ length: 300 }, (_, n) => [`/many/${n}`, { n, text: 'many '.repeat(n) }]));
      for (const [link, body] of ODD_DOCUMENTS) {
        expect(await it.client.call('PUT', link, { body })).toMatchObject({ status: 201 });
      }
      await it.client.bulk([
        ['/many/1', null],
        ['/many/2', { n: 'changed' }],
      ]);
      moment = Number((await it.client.call<Record<string, unknown>>('GET', '/many/2')).body.documentUpdateTimeMicros);
      await it.client.bulk([
        ['/many/1', { n: 'again' }],
        ['/many/2', null],
        ['/many/3', { n: 'after the moment' }],
      ]);
      backup = (await it.client.backup(`file:${it.archives}/ARCHIVE.zip`)).body;
    });

    test('restores every version, the latest state and the state at a moment, to the last digit', async () => {
      await hand.type(`cp '${it.archives}/ARCHIVE.zip' . && unzip -q ARCHIVE.zip -d look-into`);
      const readme = await readFile(join(hand.folder, 'look-into/README.txt'), 'utf8');
      const said = await hand.type(
        commandsOf(readme).replaceAll('restored', database.name).replace('T=1795428930123456', `T=${moment}`),
      );
      const { documents, versions } = backup.result as BackupResult;
      expect(said.match(/^parts\/.*: OK$/gm)?.length).toBeGreaterThan(2);
      expect(said).toMatch(new RegExp(`versions *\\n-+\\n +${versions}\\n[^]*documents *\\n-+\\n +${documents}\\n`));
      expect(said).toContain('1795428930123456');

      expect(await rowsOf(database.url, 'document_version')).toEqual(
        await rowsOf(it.databaseUrl, await liveVersions()),
      );
      expect(await rowsOf(database.url, 'document')).toEqual(await rowsOf(it.databaseUrl, await liveDocuments()));
      await it.client.restore(`file:${it.archives}/ARCHIVE.zip`, { timeSnapshotBoundaryMicros: moment });
      const atMoment = await rowsOf(database.url, 'document_at_t');
      expect(atMoment).toEqual(await rowsOf(it.databaseUrl, await liveDocuments()));
      expect(atMoment.map(({ link }) => link)).toEqual(
        expect.arrayContaining(['/many/2', ...ODD_DOCUMENTS.map(([link]) => link)]),
      );
      expect(atMoment.map(({ link }) => link)).not.toContain('/many/1');
    });

    const liveVersions = async (): Promise<string> =>
      `index_${(await fingerprintOf(it)).liveGeneration}.document_version`;
    const liveDocuments = async (): Promise<string> =>
      `(SELECT v.* FROM ${await liveVersions()} v JOIN ${(await liveVersions()).replace('_version', '')} d
        USING (link, version) WHERE NOT d.deleted)`;
  });
});

/** The lines of its sections that a person would type. */
function commandsOf(readme: string): string {
  const typed: string[] = [];
  let isHere = false;
  for (const line of readme.split('\n')) {
    if (isHere || /^(unzip|cd|sha256sum|export|createdb|psql|find) /.test(line)) typed.push(line);
    isHere = line.endsWith("<<'SQL'") || (isHere && line !== 'SQL');
  }
  return typed.join('\n');
}

/** Every column of every row, as text. */
async function rowsOf(databaseUrl: string, table: string): Promise<Record<string, string | null>[]> {
  const columns = ['link', 'version', 'update_time_micros', 'update_action', 'kind', 'expiration_time_micros', 'body'];
  const asText = columns.map((column) => `${column}::text COLLATE "C"`).join(', ');
  return await query(databaseUrl, `SELECT ${asText} FROM ${table} AS rows ORDER BY 1, rows.version`);
}

/** As JSON text: what a parser would change on its way. */
const ODD_DOCUMENTS: readonly (readonly [link: string, body: string])[] = [
  ['/odd/numbers', '{"long":12345678901234567890,"huge":1e400,"exact":0.10,"zero":-0}'],
  [
    '/odd/text',
    String.raw`{"tab":"\t","slash":"\\","line":"\n","return":"\r","null copy":"\\N","end":"\\.","low":"\u0001","é":"🦭"}`,
  ],
  ['/odd/kind', String.raw`{"documentKind":"tab\tslash\\line\n","documentExpirationTimeMicros":1795428930123456}`],
  ['/odd/empty', '{}'],
];
