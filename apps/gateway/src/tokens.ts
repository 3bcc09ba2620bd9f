import type { Steps } from '@tidemark/contracts';
import type { Messaging } from '@tidemark/messaging';
import type { DestinationPolicy } from '@tidemark/destinations';
import type { JobFeed, JobStore } from '@tidemark/jobs';
import type { Logger } from '@tidemark/platform';

import type { Switches } from './attempts/switches.js';
import type { GatewaySettings } from './config.js';
import type { IndexProxy } from './documents/index-proxy.js';
import type { Grants } from './index-service/grants.js';
import type { IndexClient } from './index-service/index-client.js';
import type { Doorbells } from './jobs/doorbells.js';
import type { JobEnds } from './jobs/job-ends.js';
import type { SealedSecrets } from './secrets/sealed-secrets.js';

/** Token of {@link GatewayParts}. */
export const PARTS = Symbol('GatewayParts');

/** What the controllers of both ports work with; made once, by `startGateway`. */
export interface GatewayParts {
  readonly settings: GatewaySettings;
  readonly log: Logger;
  readonly steps: Steps;
  readonly jobs: JobStore;
  readonly feed: JobFeed;
  readonly messaging: Messaging;
  readonly policy: DestinationPolicy;
  readonly secrets: SealedSecrets;
  readonly grants: Grants;
  readonly index: IndexClient;
  readonly proxy: IndexProxy;
  readonly doorbells: Doorbells;
  readonly ends: JobEnds;
  readonly switches: Switches;
}
