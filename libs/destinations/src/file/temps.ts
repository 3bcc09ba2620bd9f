import { lstat, unlink } from 'node:fs/promises';

import { systemClock, unlessMissing } from '@tidemark/platform';

import type { AttemptId } from '../destination.js';
import { DeliveryLostError } from '../errors.js';
import { fenceOfTemp, isTempFor } from '../temp-name.js';
import type { Folder } from './folder.js';

/** An archive's name in its folder. */
export interface Named {
  readonly folder: Folder;
  readonly name: string;
  readonly display: string;
}

/** What has not been written for so long is nobody's: its job was cancelled, or failed, after its worker was killed. */
const ABANDONED_MILLIS = 24 * 60 * 60_000;

/** Removes what earlier attempts of the job left, and what was abandoned. Throws DELIVERY_LOST when there is a temp of a later attempt. */
export async function takeOver(archive: Named, attempt: AttemptId): Promise<void> {
  const temps = await tempsOf(archive, attempt.jobId);
  if (temps.some(({ fence }) => fence > attempt.fence)) {
    throw new DeliveryLostError(archive.display, 'a later attempt of the job is at work');
  }
  await unlinkUpTo(archive, temps, attempt.fence - 1);
  await removeAbandoned(archive);
}

/** Removes the temps of the job's attempts up to and with `upTo`. */
export async function removeTemps(archive: Named, upTo: AttemptId): Promise<void> {
  await unlinkUpTo(archive, await tempsOf(archive, upTo.jobId), upTo.fence);
}

interface Temp {
  readonly temp: string;
  readonly fence: number;
}

async function unlinkUpTo({ folder }: Named, temps: readonly Temp[], fence: number): Promise<void> {
  for (const { temp } of temps.filter((one) => one.fence <= fence)) await unlessMissing(unlink(folder.at(temp)));
}

async function removeAbandoned({ folder, name }: Named): Promise<void> {
  const before = systemClock.nowMicros() / 1000 - ABANDONED_MILLIS;
  for await (const temp of folder.names()) {
    if (!isTempFor(temp, name)) continue;
    const stats = await unlessMissing(lstat(folder.at(temp)));
    if (stats && stats.mtimeMs < before) await unlessMissing(unlink(folder.at(temp)));
  }
}

async function tempsOf({ folder, name }: Named, jobId: string): Promise<Temp[]> {
  const temps: Temp[] = [];
  for await (const temp of folder.names()) {
    const fence = fenceOfTemp(temp, name, jobId);
    if (fence !== undefined) temps.push({ temp, fence });
  }
  return temps;
}
