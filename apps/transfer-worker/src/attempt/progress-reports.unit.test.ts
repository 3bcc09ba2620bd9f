import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';

import type { ProgressReport } from '@tidemark/contracts';
import type { Messaging } from '@tidemark/messaging';

import { ProgressReports } from './progress-reports.js';

const clock = { nowMicros: () => 0, monotonicMillis: () => Date.now() };
const sent: ProgressReport[] = [];
const messaging = {
  publish: (_route: string, report: ProgressReport) => {
    sent.push(report);
    return Promise.resolve();
  },
} as unknown as Messaging;

let reports: ProgressReports;
beforeEach(() => {
  jest.useFakeTimers();
  sent.length = 0;
  reports = new ProgressReports(messaging, { jobId: 'a', fence: 1 }, clock);
});
afterEach(() => {
  jest.useRealTimers();
});

const counted = (): (number | undefined)[] => sent.map(({ progress }) => progress?.bytesDone);

test('a phase is told at once, counts now and then, the last of them when nothing more comes', () => {
  reports.begin('UPLOADING', { versions: null, bytes: 1000 });
  for (const bytes of [10, 20, 30]) reports.add(0, bytes);
  expect(counted()).toEqual([0]);
  jest.advanceTimersByTime(499);
  expect(counted()).toEqual([0]);
  jest.advanceTimersByTime(1);
  expect(counted()).toEqual([0, 60]);
  jest.advanceTimersByTime(10_000);
  expect(counted()).toEqual([0, 60]);
  reports.add(0, 40);
  expect(counted()).toEqual([0, 60, 100]);
});

test('tells how many bytes come in a second, and when all will be there', () => {
  reports.begin('UPLOADING', { versions: null, bytes: 1000 });
  jest.advanceTimersByTime(2000);
  reports.add(0, 500);
  expect(sent.at(-1)).toMatchObject({
    phase: 'UPLOADING',
    progress: {
      bytesDone: 500,
      bytesTotal: 1000,
      percent: 50,
      bytesPerSecond: 250,
      etaSeconds: 2,
      versionsPerSecond: null,
    },
  });
});

test('where versions are counted they tell how far it is', () => {
  reports.begin('STAGING', { versions: 100, bytes: 1000 });
  jest.advanceTimersByTime(1000);
  reports.add(10, 500);
  expect(sent.at(-1)?.progress).toMatchObject({
    percent: 10,
    versionsPerSecond: 10,
    bytesPerSecond: 500,
    etaSeconds: 9,
  });
});

test('what was to be told later is told with the next phase', () => {
  reports.begin('UPLOADING', { versions: null, bytes: 1000 });
  reports.add(0, 10);
  reports.begin('VERIFYING');
  expect(sent.at(-1)).toMatchObject({ phase: 'VERIFYING', progress: { bytesDone: 10 } });
  jest.advanceTimersByTime(10_000);
  expect(sent).toHaveLength(2);
});
