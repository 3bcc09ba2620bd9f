import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startChild, type StandaloneChild } from './child.js';
import { DemoClient } from './client.js';
import { nextCommands } from './next-commands.js';
import { Report } from './report.js';
import { runSteps } from './steps.js';

const keep = process.argv.includes('--keep');
const interrupted = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
const report = new Report(process.stdout);
const home = await mkdtemp(join(tmpdir(), 'tidemark-demo-'));
// PostgreSQL runs as another user where this is root, and must be able to enter.
await chmod(home, 0o755);

let standalone: StandaloneChild | undefined;
try {
  await report.step('start', async () => {
    standalone = await startChild(home);
    return `gateway, index-service and transfer-worker in one process, PostgreSQL from its package, ${standalone.url}`;
  });
  const archive = join(home, 'backups', 'cities.zip');
  const url = standalone?.url ?? '';
  await Promise.race([runSteps(new DemoClient(url), archive, report), interrupted.then(stopEarly)]);
  report.line(`\nDone in ${report.total}. ${nextCommands({ url, archive, keep })}`);
  if (keep) await interrupted;
} finally {
  await standalone?.stop();
  await rm(home, { recursive: true, force: true });
}

function stopEarly(): never {
  throw new Error('interrupted');
}
