import { randomBytes } from 'node:crypto';

import { expect } from '@jest/globals';

import { fingerprintOf, type IndexFingerprint, type RunningSystem } from '@tidemark/testing';

/** An index that had one document at a moment, and has many now. */
export interface TwoStates {
  readonly moment: number;
  readonly early: IndexFingerprint;
  readonly late: IndexFingerprint;
}

/** Documents of 16 KiB each, which no compression makes smaller. */
export async function writeTwoStates(it: RunningSystem, documents: number): Promise<TwoStates> {
  const text = (): string => randomBytes(16 * 1024).toString('base64');
  const { body } = await it.client.put('/kept/first', { text: text() });
  const early = await fingerprintOf(it);
  await it.client.bulk(Array.from({ length: documents }, (_, n) => [`/kept/${n}`, { text: text() }]));
  return { moment: Number(body.documentUpdateTimeMicros), early, late: await fingerprintOf(it) };
}

/** What is lost comes back from `source`: all of it, the state of the moment, and all of it again. */
export async function expectBack(it: RunningSystem, source: string, { moment, early, late }: TwoStates): Promise<void> {
  await it.client.call('DELETE', '/kept/1');
  await expectRestored(it, source, { hash: late.hash });
  await expectRestored(it, source, { hash: early.hash, timeSnapshotBoundaryMicros: moment });
  await expectRestored(it, source, { hash: late.hash });
}

async function expectRestored(
  it: RunningSystem,
  source: string,
  { hash, ...options }: { hash: string; timeSnapshotBoundaryMicros?: number },
): Promise<void> {
  const { body } = await it.client.restore(source, options);
  expect(body).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
  expect((await fingerprintOf(it)).hash).toBe(hash);
}
