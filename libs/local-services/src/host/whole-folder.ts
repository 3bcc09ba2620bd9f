import { rename } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';

import { errnoOf } from '@tidemark/platform';

import { Keeper } from '../keeper/keeper.js';

/** A folder being built, and the keeper that removes it unless it gets its name. */
export interface Building {
  readonly folder: string;
  readonly keeper: Keeper;
}

/**
 * Makes `folder` appear whole or not at all: it is built beside under another name and renamed. A builder that fails or
 * is killed leaves nothing. Where somebody else was first theirs stays; answers whether ours is the one.
 */
export async function makeWhole(folder: string, build: (building: Building) => Promise<void>): Promise<boolean> {
  const beside = `${folder}.new-${randomBytes(6).toString('hex')}`;
  const keeper = await Keeper.open({ removeAtEnd: beside });
  try {
    await build({ folder: beside, keeper });
    await rename(beside, folder);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOTEMPTY' || errnoOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await keeper.close();
  }
}
