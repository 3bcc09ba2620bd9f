import { createHash } from 'node:crypto';

import { z } from 'zod';

import { port, readConfig } from '@tidemark/platform';

import { readStandaloneSettings, type StandaloneSettings } from '../config.js';

const servicesSettings = z.object({
  TIDEMARK_INTERNAL_PORT: port(8001),
  TIDEMARK_INDEX_PORT: port(8081),
  TIDEMARK_WORKER_PORT: port(8083),
  /** A URL, or `private`; where it is not set, a broker is found on this machine or started. */
  AMQP_URL: z.string().optional(),
  TIDEMARK_QUEUE_PREFIX: z.string().optional(),
});

export interface ServicesSettings extends StandaloneSettings, z.infer<typeof servicesSettings> {}

/** Those of standalone, and what services in processes of their own need besides. */
export function readServicesSettings(): ServicesSettings {
  return { ...readStandaloneSettings(), ...readConfig(servicesSettings) };
}

/** For a broker that was found: others may use it too, and each home folder is a system of its own. */
export function prefixOf({ TIDEMARK_HOME }: ServicesSettings): string {
  return `tidemark-${createHash('sha256').update(TIDEMARK_HOME).digest('hex').slice(0, 8)}`;
}
