import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';

import { startSystem, type RunningSystem } from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

let it: RunningSystem;
beforeAll(async () => {
  it = await startSystem();
});
afterAll(() => it.remove());

test('put, back up, lose, restore', async () => {
  await it.client.put('/notes/a', { n: 1 });
  const backup = await it.client.backup(`file:${it.archives}/a.zip`);
  expect(backup).toMatchObject({ status: 200, body: { state: 'SUCCEEDED' } });
  await it.client.call('DELETE', '/notes/a');
  const restore = await it.client.restore(`file:${it.archives}/a.zip`);
  expect(restore).toMatchObject({ status: 200, body: { result: { documents: 1, versionsLeftBehind: 1 } } });
  expect((await it.client.call('GET', '/notes/a')).body).toMatchObject({ n: 1, documentVersion: 0 });
  for await (const job of it.client.watch(restore.body.id)) expect(job.state).toBe('SUCCEEDED');
});
