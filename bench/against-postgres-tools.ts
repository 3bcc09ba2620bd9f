import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import { createTestDatabase, type TestDatabase } from '@tidemark/testing';

import { median, spread } from './figures.ts';
import { citiesHistory, seededHistory, type History } from './histories.ts';
import { endedWell } from './jobs.ts';
import { liveGeneration, type MeasuredSystem } from './measured-system.ts';
import type { BenchOptions } from './options.ts';
import { findPrograms, missingPrograms, runProgram, type PostgresPrograms } from './postgres-programs.ts';
import { allCpuSeconds, interleaved, ratios, type Measured, type Operation } from './rounds.ts';
import { roundsTable, type Findings, type Table } from './table.ts';
import type { Workplace } from './workplace.ts';

const BACKUP = 'backup to a file';
const RESTORE = 'restore from the file';
const DUMP = 'pg_dump -Fc';
const FAST_DUMP = 'pg_dump -Fc -Z1';
const LOAD = 'pg_restore -j2';
const COPY = 'COPY TO STDOUT';
const SIZES = [100_000, 1_000_000];

/** Backups and restores of files, against PostgreSQL's own programs over the same tables and the same disk. */
export async function againstPostgresTools(
  workplace: Workplace,
  { sizes = SIZES, rounds }: BenchOptions,
): Promise<Findings> {
  const programs = await findPrograms(workplace.postgresUrl);
  const missing = missingPrograms(programs);
  if (missing !== undefined) workplace.say(missing);
  const histories = [...sizes.map(seededHistory), await citiesHistory()];
  const tables: Table[] = [];
  const figures: object[] = [];
  for (const history of histories) {
    const { measured, ...about } = await measureOne(workplace, { history, programs, rounds });
    const title = `${history.name}: ${about.versions} versions of ${about.documents} documents, ${about.parts} parts`;
    const ratioed = ratioTable(history, measured);
    tables.push(roundsTable(title, measured), ...(ratioed.rows.length === 0 ? [] : [ratioed]));
    figures.push({ ...about, history: history.name, measured });
  }
  return { tables, figures };
}

async function measureOne(
  workplace: Workplace,
  { history, programs, rounds }: { history: History; programs: PostgresPrograms; rounds: number },
) {
  const { say, signal } = workplace;
  const archive = await workplace.archiveOf(history);
  return await workplace.withSystem({}, async (system) => {
    await system.fill(archive);
    const restored = { database: undefined as TestDatabase | undefined, remove: () => dropOf(restored) };
    return await workplace.with(Promise.resolve(restored), async () => {
      const operations = operationsOf({ workplace, system, programs, restored, from: archive.destination });
      const measured = await interleaved(operations, { rounds, system, say, signal });
      return { ...archive, measured };
    });
  });
}

interface Scene {
  readonly workplace: Workplace;
  readonly system: MeasuredSystem;
  readonly programs: PostgresPrograms;
  /** Where pg_restore restores to, anew for each run. */
  readonly restored: { database: TestDatabase | undefined };
  readonly from: string;
}

async function dropOf(restored: Scene['restored']): Promise<void> {
  await restored.database?.drop();
  restored.database = undefined;
}

/** The restore is the last of a round, so that each round begins with an index that came out of one. */
function operationsOf(scene: Scene): Operation[] {
  const { archives, services } = scene.system;
  const { pg_dump, pg_restore, psql } = scene.programs;
  const file = join(archives, 'against.zip');
  const backup = async () => {
    await endedWell(services.client.backup(`file:${file}`));
    return { fileBytes: (await stat(file)).size };
  };
  const restore = async () => {
    await endedWell(services.client.restore(scene.from));
    return {};
  };
  return [
    // Whoever reads a fresh table first writes its hint bits: that is nobody's here.
    { name: BACKUP, run: backup, ...(psql === undefined ? {} : { prepare: () => copy(scene, psql) }) },
    ...(pg_dump === undefined ? [] : dumps(scene, pg_dump)),
    ...(psql === undefined ? [] : [{ name: COPY, run: async () => (await copy(scene, psql), {}) }]),
    ...(pg_dump === undefined || pg_restore === undefined ? [] : [load(scene, pg_restore)]),
    { name: RESTORE, run: restore },
  ];
}

function dumps(scene: Scene, command: string): Operation[] {
  const { databaseUrl } = scene.system.services;
  const dump = (name: string, flags: readonly string[]): Operation => ({
    name,
    run: async () => {
      const file = dumpFile(scene, name);
      const schema = `index_${await liveGeneration(scene.system)}`;
      const from = ['--schema', schema, '--dbname', databaseUrl];
      await runProgram(command, [...flags, '--file', file, ...from], scene.workplace.signal);
      return { fileBytes: (await stat(file)).size };
    },
  });
  return [dump(DUMP, ['-Fc']), dump(FAST_DUMP, ['-Fc', '-Z1'])];
}

function load(scene: Scene, command: string): Operation {
  const { workplace, restored } = scene;
  return {
    name: LOAD,
    prepare: async () => void (restored.database = await createTestDatabase(workplace.postgresUrl)),
    run: async () => {
      const to = restored.database?.url ?? '';
      await runProgram(command, ['-j2', '--exit-on-error', '--dbname', to, dumpFile(scene, DUMP)], workplace.signal);
      return {};
    },
    tidy: () => dropOf(restored),
  };
}

async function copy({ system, workplace }: Scene, command: string): Promise<void> {
  const statement = `COPY index_${await liveGeneration(system)}.document_version TO STDOUT`;
  await runProgram(command, ['--no-psqlrc', '--command', statement, system.services.databaseUrl], workplace.signal);
}

function dumpFile({ system: { archives } }: Scene, name: string): string {
  return join(archives, `${name.replaceAll(' ', '')}.dump`);
}

/** Ours by theirs, of the same round: below 1 is less than theirs. */
function ratioTable({ name }: History, measured: readonly Measured[]): Table {
  const pairs = [DUMP, FAST_DUMP, COPY].map((other) => [BACKUP, other] as const);
  const rows = [...pairs, [RESTORE, LOAD] as const].flatMap(([own, other]) => {
    const [one, held] = [own, other].map((wanted) => measured.find(({ operation }) => operation.name === wanted));
    return one && held ? [[`${own} by ${other}`, ...ratioCells(one, held)]] : [];
  });
  return { title: `${name}: ratios`, head: ['', 'seconds (least to most)', 'CPU s of all', 'file bytes'], rows };
}

function ratioCells(one: Measured, other: Measured): string[] {
  const cpu = median(ratios(one, other, allCpuSeconds));
  const bytes = median(ratios(one, other, ({ fileBytes }) => fileBytes ?? NaN));
  return [
    spread(ratios(one, other)),
    Number.isNaN(cpu) ? '' : cpu.toFixed(2),
    Number.isNaN(bytes) ? '' : bytes.toFixed(2),
  ];
}
