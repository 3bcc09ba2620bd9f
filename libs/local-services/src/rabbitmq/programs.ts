import type { Logger } from '@tidemark/platform';

import { NoRabbitMqError } from '../errors.js';
import { findContainerEngine } from './container-engine.js';
import { unpackDebianPackages } from './debian-packages.js';
import { findInstalled } from './installed.js';

/** What a broker is run with: programs that are here, or a container engine that has its own. */
export type BrokerPrograms = NodePrograms | ContainerEngine;

export interface NodePrograms {
  readonly kind: 'node';
  readonly server: string;
  /** Erlang's register of nodes; each broker here has one of its own. */
  readonly epmd: string;
  /** PATH for the programs, so that they find `erl`. */
  readonly path: string;
  /** For a person: where they come from. */
  readonly from: string;
}

export interface ContainerEngine {
  readonly kind: 'container';
  readonly docker: string;
  readonly from: string;
}

/** One way to programs, or the reason why it is none here. */
export type Way = (log: Logger) => Promise<BrokerPrograms | string>;

const WAYS: readonly Way[] = [findInstalled, unpackDebianPackages, findContainerEngine];

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
