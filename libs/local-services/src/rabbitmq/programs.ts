import type { Logger } from '@tidemark/platform';

import { NoRabbitMqError } from '../errors.js';
import type { BrokerPrograms } from './broker-programs.js';
import { findContainerEngine } from './container-engine.js';
import { findInstalled } from './installed.js';
import { findPackaged } from './packaged.js';

/** One way to programs, or the reason why it is none here. */
type Way = (log: Logger) => Promise<BrokerPrograms | string>;

const WAYS: readonly Way[] = [findInstalled, findPackaged, findContainerEngine];

/** The programs of the first way that leads to some; throws {@link NoRabbitMqError} with the reasons of all. */
export async function findBrokerPrograms(log: Logger, ways: readonly Way[] = WAYS): Promise<BrokerPrograms> {
  const reasons: string[] = [];
  for (const way of ways) {
    const found = await way(log);
    if (typeof found !== 'string') return found;
    reasons.push(found);
  }
  throw new NoRabbitMqError(reasons);
}
