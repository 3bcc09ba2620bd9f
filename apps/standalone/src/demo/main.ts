/** `npm run demo`: a server of its own does the main job, and every document is checked. It leaves nothing behind. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startChild, type ServerChild } from './child.js';
import { DemoClient } from './client.js';
import { InterruptedError, interruption } from './interruption.js';
import { nextCommands } from './next-commands.js';
import { readOptions, USAGE, type DemoOptions } from './options.js';
import { Report } from './report.js';
import { runSteps } from './steps.js';

const options = readOptions(process.argv.slice(2));
const report = new Report(process.stdout);
if (options) process.exitCode = await demonstrate(options);
else {
  process.stderr.write(`${USAGE}\n`);
  process.exitCode = 2;
}

/** Resolves with the exit code when everything has ended and is gone. */
async function demonstrate({ keep, places, services }: DemoOptions): Promise<number> {
  const interrupted = interruption();
  const home = await mkdtemp(join(tmpdir(), 'tidemark-demo-'));
  // PostgreSQL runs as another user where this is root, and must be able to enter.
  await chmod(home, 0o755);
  const runs = services ? 'Four services of their own, with a PostgreSQL and a RabbitMQ,' : 'A server of its own';
  report.line(`${runs} in ${home}; Ctrl-C ends ${services ? 'them' : 'it'}, nothing stays behind.\n`);
  const server = startChild(home, { services });
  try {
    const { url, archive } = await Promise.race([runAll(server, places), interrupted]);
    report.line(`\nDone in ${report.total}: nothing was lost. ${nextCommands({ url, archive, keep, services })}`);
    if (!keep) return 0;
    await interrupted.catch(() => report.line('\nEnding it, removing what it made.'));
    return 0;
  } catch (error) {
    return tell(error);
  } finally {
    await server.stop();
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function runAll(server: ServerChild, places: number | undefined): Promise<{ url: string; archive: string }> {
  let url = '';
  await report.step('start', async () => {
    const ready = await server.ready;
    url = ready.url;
    return `${ready.madeOf}, ${url}`;
  });
  const archive = join(server.archives, 'cities.zip');
  await runSteps(new DemoClient(url), { archive, places, report });
  return { url, archive };
}

function tell(error: unknown): number {
  if (error instanceof InterruptedError) {
    report.line('\nInterrupted: ending it, removing what it made.');
    return error.exitCode;
  }
  process.stderr.write(`demo: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return 1;
}
