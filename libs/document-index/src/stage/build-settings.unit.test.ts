import { expect, test } from '@jest/globals';

import { buildSettings, sortMemory } from './build-settings.js';

const MIB = 1024 * 1024;

test.each([
  [0, 8],
  [1_000_000, 8],
  [10_000_000, 16],
  [100_000_000, 51],
  [1_000_000_000, 160],
  [100_000_000_000, 256],
])('%i versions are sorted in %i MiB', (versions, mebibytes) => {
  expect(Math.ceil(sortMemory(versions) / MIB)).toBe(mebibytes);
});

test.each([
  [1, 0, 8],
  [2, 0, 8],
  [4, 2, 96],
  [16, 14, 480],
])('of %i cores, %i help with an index, which has %i MiB', (parallelism, workers, mebibytes) => {
  const settings = buildSettings(parallelism, 1000);
  expect(settings).toContain(`max_parallel_maintenance_workers = ${workers};`);
  expect(settings).toContain(`maintenance_work_mem = '${mebibytes * 1024}kB'`);
});
