import { stat } from 'node:fs/promises';

import type { BackupResult, RestoreResult } from '@tidemark/contracts';

import { readCities, toLine } from './cities.js';
import type { DemoClient } from './client.js';
import { Expected } from './expected.js';
import { bytes, count, type Report } from './report.js';

const BATCHES = 6;
const RESTORE_AFTER_BATCH = 3;

interface Demonstration {
  /** Path of the archive to make. */
  readonly archive: string;
  /** How many of the places to load; all where it is not said. */
  readonly places: number | undefined;
  readonly report: Report;
}

/** The main job, end to end: load, edit, back up, lose, restore to a moment, restore in full; every document checked. */
export async function runSteps(client: DemoClient, { archive, places, report }: Demonstration): Promise<void> {
  const cities = (await readCities()).slice(0, places);
  const expected = new Expected(cities);
  await report.step('load', async () => {
    const { versions } = await client.writeLines(cities.map(toLine));
    return `${count(versions)} documents: places of the world (GeoNames), as /cities/<country>/<number>`;
  });

  const { moment, then } = await editInBatches(client, expected, report);

  await report.step('back up', async () => {
    const { result } = await client.run('BackupRequest', { destination: `file:${archive}` });
    const { archive: made, documents, versions, seconds } = result as BackupResult;
    const size = (await stat(archive)).size;
    return (
      `${count(documents)} documents with all their ${count(versions)} versions in a zip of ${bytes(size)} ` +
      `(${made.parts} parts), read back and compared, job ${seconds} s`
    );
  });
  const backedUp = expected.copy();

  await report.step('lose', async () => {
    const deleted = expected.delete({ first: 3, step: 7 });
    const overwritten = expected.revise({ first: 0, step: 5, revision: 99 });
    await client.writeLines([...deleted, ...overwritten]);
    return `${count(deleted.length)} documents deleted, ${count(overwritten.length)} overwritten, after the backup`;
  });

  await restore(client, report, {
    archive,
    boundary: moment,
    state: then,
    name: `restore to after edit ${RESTORE_AFTER_BATCH} of ${BATCHES}`,
  });
  await restore(client, report, { archive, boundary: undefined, state: backedUp, name: 'restore in full' });
}

/** Returns the stamp of one of the batches and what every document was then. */
async function editInBatches(
  client: DemoClient,
  expected: Expected,
  report: Report,
): Promise<{ moment: number; then: Expected }> {
  let moment = 0;
  let then = expected;
  await report.step('edit', async () => {
    let edits = 0;
    for (let batch = 1; batch <= BATCHES; batch++) {
      const lines = expected.revise({ first: batch, step: 61, revision: batch });
      const { lastUpdateTimeMicros } = await client.writeLines(lines);
      edits += lines.length;
      if (batch !== RESTORE_AFTER_BATCH) continue;
      moment = lastUpdateTimeMicros ?? 0;
      then = expected.copy();
    }
    return `${count(edits)} of them changed, in ${BATCHES} transactions one after the other`;
  });
  return { moment, then };
}

interface RestoreStep {
  readonly archive: string;
  readonly boundary: number | undefined;
  readonly state: Expected;
  readonly name: string;
}

async function restore(
  client: DemoClient,
  report: Report,
  { archive, boundary, state, name }: RestoreStep,
): Promise<void> {
  await report.step(name, async () => {
    const to = boundary === undefined ? {} : { timeSnapshotBoundaryMicros: boundary };
    const { result } = await client.run('RestoreRequest', { destination: `file:${archive}`, ...to });
    const { documents, versions, partsRead, partsSkipped, versionsLeftBehind, seconds } = result as RestoreResult;
    return (
      `${count(documents)} documents with ${count(versions)} versions, ${partsRead} parts read and ${partsSkipped} not needed, ` +
      `${count(versionsLeftBehind)} newer versions left behind, no restart, job ${seconds} s`
    );
  });
  await report.step(
    'check',
    async () => `${count(await state.check(client))} documents read over HTTP, each exactly as it was then`,
  );
}
