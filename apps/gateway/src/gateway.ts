import { UNOBSERVED, type Steps } from '@tidemark/contracts';
import { createDestinationPolicy } from '@tidemark/destinations';
import { JobFeed, JobStore } from '@tidemark/jobs';
import type { Messaging } from '@tidemark/messaging';
import {
  checkExposure,
  createHttpApplication,
  hostAndOriginCheck,
  listen,
  type OnStop,
  startQueues,
} from '@tidemark/nest';
import { createMetrics, Loop, Registry, systemClock, type Logger } from '@tidemark/platform';

import { Sweep } from './attempts/sweep.js';
import { Switches } from './attempts/switches.js';
import { auditManagement } from './callers/audit.js';
import { callerCheck } from './callers/caller-check.js';
import { checkInternalHost, workerCheck } from './callers/worker-tokens.js';
import type { GatewaySettings } from './config.js';
import { bulkTypeCheck } from './documents/documents.controller.js';
import { IndexProxy } from './documents/index-proxy.js';
import { GatewayModule } from './gateway.module.js';
import { Grants } from './index-service/grants.js';
import { IndexClient } from './index-service/index-client.js';
import { InternalModule, refusePages } from './internal.module.js';
import { Doorbells } from './jobs/doorbells.js';
import { JobEnds } from './jobs/job-ends.js';
import { SealedSecrets } from './secrets/sealed-secrets.js';
import type { GatewayParts } from './tokens.js';

export interface Gateway {
  /** Base URL of the public port. */
  readonly url: string;
  /** Base URL of the port for workers. */
  readonly internalUrl: string;
}

export interface GatewayOptions {
  readonly log: Logger;
  readonly onStop: OnStop;
  /** The caller's to close, after the gateway has stopped. */
  readonly messaging: Messaging;
  readonly steps?: Steps;
}

const SWEEP_MILLIS = 1_000;

/** Opens the jobs and serves both ports; registers how each piece is stopped. */
export async function startGateway(settings: GatewaySettings, options: GatewayOptions): Promise<Gateway> {
  checkExposure({
    host: settings.HOST,
    auth: settings.TIDEMARK_AUTH,
    tokens: { setting: 'TIDEMARK_API_TOKENS', given: settings.TIDEMARK_API_TOKENS.length > 0 },
    danger: 'do everything',
  });
  checkInternalHost(settings);
  const parts = await openParts(settings, options);
  const internalUrl = await serveInternal(parts, options);
  startSweep(parts, options);
  const url = await servePublic(parts, options);
  options.log.info({ url, internalUrl }, 'gateway is listening');
  return { url, internalUrl };
}

async function openParts(
  settings: GatewaySettings,
  { log, onStop, messaging, steps = UNOBSERVED }: GatewayOptions,
): Promise<GatewayParts> {
  const policy = createDestinationPolicy({
    fileRoots: settings.TIDEMARK_FILE_ROOTS,
    httpAllow: settings.TIDEMARK_HTTP_ALLOW,
    httpAllowPrivate: settings.TIDEMARK_HTTP_ALLOW_PRIVATE,
  });
  for (const { complaint } of await policy.prepareRoots()) if (complaint !== undefined) log.warn(complaint);
  const url = settings.DATABASE_URL;
  const jobs = await JobStore.open({ url, log });
  onStop('jobs', () => jobs.close());
  const feed = new JobFeed({ url, log, jobs });
  feed.start();
  onStop('changes of jobs', () => feed.stop());
  const secrets = new SealedSecrets(settings.TIDEMARK_SECRET_KEY);
  const grants = new Grants(settings.TIDEMARK_GRANT_KEY, systemClock);
  const index = new IndexClient(settings.TIDEMARK_INDEX_URL, grants, 1000 * settings.TIDEMARK_LEASE_SECONDS);
  const proxy = new IndexProxy(settings.TIDEMARK_INDEX_URL, grants);
  onStop('connections to the index-service', () => {
    index.close();
    proxy.close();
    return Promise.resolve();
  });
  const doorbells = new Doorbells({ messaging, steps, log });
  const ends = new JobEnds({ jobs, messaging, doorbells, steps, log });
  const switches = new Switches({ index, jobs, ends, steps, log });
  onStop('switches', () => switches.stop());
  const parts = { settings, log, steps, jobs, feed, messaging, policy, secrets, grants, index, proxy };
  return { ...parts, doorbells, ends, switches };
}

function startSweep(parts: GatewayParts, { log, onStop }: GatewayOptions): void {
  const sweep = new Sweep({ ...parts, clock: systemClock, leaseSeconds: parts.settings.TIDEMARK_LEASE_SECONDS });
  const loop = new Loop({ name: 'the sweep of jobs', everyMillis: SWEEP_MILLIS, log }, () => sweep.turn());
  loop.start();
  onStop('sweep of jobs', () => loop.stop());
}

async function serveInternal(parts: GatewayParts, { log, onStop }: GatewayOptions): Promise<string> {
  const metrics = new Registry();
  metrics.setDefaultLabels({ service: 'gateway', port: 'internal' });
  const onRequest = [refusePages, ...workerCheck(parts.settings)];
  const app = await createHttpApplication(InternalModule.register(parts, metrics), { log, metrics, onRequest });
  onStop('internal http and reports', () => app.close());
  await startQueues(app);
  const { TIDEMARK_INTERNAL_HOST: host, TIDEMARK_INTERNAL_PORT: port } = parts.settings;
  return await listen(app, { host, port, setting: 'TIDEMARK_INTERNAL_PORT' });
}

async function servePublic(parts: GatewayParts, { log, onStop }: GatewayOptions): Promise<string> {
  const metrics = createMetrics('gateway');
  const { TIDEMARK_HOSTS: hosts, TIDEMARK_API_TOKENS: tokens } = parts.settings;
  const onRequest = [
    auditManagement(log),
    hostAndOriginCheck(hosts),
    callerCheck({ tokens, clock: systemClock, log }),
    bulkTypeCheck,
  ];
  const app = await createHttpApplication(GatewayModule.register(parts, metrics), { log, metrics, onRequest });
  onStop('http', () => app.close());
  const { HOST: host, PORT: port } = parts.settings;
  return await listen(app, { host, port, setting: 'PORT' });
}
