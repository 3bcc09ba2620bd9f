import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';

import { errorOf, fingerprintOf, startSystem, type Answer, type Job, type RunningSystem } from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** The undo of a restore, and its redo, as a caller meets them. */
let it: RunningSystem;
let archive: string;
beforeAll(async () => {
  it = await startSystem();
  archive = `file:${it.archives}/a.zip`;
  await it.client.put('/kept/a', { n: 1 });
  await it.client.backup(archive);
});
afterAll(() => it.remove());

const undo = (id: string): Promise<Answer<Job>> => it.client.call('POST', `/core/management/jobs/${id}/undo`);

async function restored(): Promise<Job> {
  await it.client.put('/kept/a', { n: 2 });
  await it.client.put('/late/b', {});
  const { body } = await it.client.restore(archive);
  expect(body).toMatchObject({ state: 'SUCCEEDED', undone: false });
  return body;
}

test('brings the replaced generation back, and again the restored one; the job says which, and what was left behind', async () => {
  const before = await fingerprintOf(it);
  const { id } = await restored();
  const after = await fingerprintOf(it);
  await it.client.put('/since/c', {});

  const undone = await undo(id);
  expect(undone).toMatchObject({
    status: 200,
    body: { undone: true, state: 'SUCCEEDED', result: { versionsLeftBehind: 1 } },
  });
  expect((await it.client.call('GET', '/late/b')).status).toBe(200);
  expect((await it.client.call('GET', '/since/c')).status).toBe(404);
  expect((await it.client.job(id)).undone).toBe(true);
  expect((await fingerprintOf(it)).versions).toBe(before.versions + 2);

  const redone = await undo(id);
  expect(redone).toMatchObject({ status: 200, body: { undone: false } });
  expect((await it.client.call('GET', '/since/c')).status).toBe(200);
  expect(await fingerprintOf(it)).toMatchObject({ liveGeneration: after.liveGeneration, versions: after.versions + 1 });
});

test('of several callers at once is one undo', async () => {
  const { id } = await restored();
  const answers = await Promise.all(Array.from({ length: 5 }, () => undo(id)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  const { liveGeneration } = await fingerprintOf(it);
  const { undone, result } = await it.client.job(id);
  const { generation, previousGeneration } = result as { generation: number; previousGeneration: number };
  expect(liveGeneration).toBe(undone ? previousGeneration : generation);
});

test('there is nothing to undo of a backup, of a restore that failed, or of one that another has followed', async () => {
  const { body: backup } = await it.client.backup(archive);
  const { body: failed } = await it.client.restore(`file:${it.archives}/none.zip`);
  const first = await restored();
  await restored();
  const untouched = await fingerprintOf(it);
  for (const [{ id }, why] of [
    [backup, 'not a restore'],
    [failed, 'the restore is FAILED'],
    [first, 'not the live and the previous one any more'],
  ] as const) {
    const answer = await undo(id);
    expect(errorOf(answer)).toMatchObject({ statusCode: 409, code: 'NOTHING_TO_UNDO', details: { jobId: id } });
    expect(errorOf(answer).message).toContain(why);
  }
  expect(await fingerprintOf(it)).toEqual(untouched);
  expect((await undo('01990000-0000-7000-8000-000000000000')).status).toBe(404);
});
