import { describe, expect, test } from '@jest/globals';

import { NoBinariesError } from '../errors.js';
import { findPostgresPackage } from './package-folder.js';

describe('findPostgresPackage', () => {
  test('names a platform that no package is for', async () => {
    await expect(findPostgresPackage('plan9-vax')).rejects.toThrow(/PostgreSQL package for plan9-vax: install/);
  });

  test('names a platform whose package npm did not install', async () => {
    const notInstalled = (): string => {
      throw new Error('not found');
    };
    await expect(findPostgresPackage('linux-x64', notInstalled)).rejects.toBeInstanceOf(NoBinariesError);
  });
});
