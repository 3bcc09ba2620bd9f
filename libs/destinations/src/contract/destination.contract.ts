import { describe } from '@jest/globals';

import { attemptsContract } from './attempts.contract.js';
import { backupContract } from './backup.contract.js';
import type { PlaceUnderTest } from './place-under-test.contract.js';
import { readingContract } from './reading.contract.js';

/** What every destination keeps, wherever it lies. */
export function destinationContract(name: string, makePlace: () => Promise<PlaceUnderTest>): void {
  describe(`${name} keeps the contract of a destination`, () => {
    describe('backup', () => backupContract(makePlace));
    describe('attempts', () => attemptsContract(makePlace));
    describe('reading', () => readingContract(makePlace));
  });
}
