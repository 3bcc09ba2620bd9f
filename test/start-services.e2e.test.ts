import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { sleep } from '@tidemark/platform';
import { BACKUP_KIND, brokerIsThere, createTestDatabase, type TestDatabase } from '@tidemark/testing';

jest.setTimeout(120_000); // a broker and four processes are started: on a busy machine that takes its time

const MAIN = fileURLToPath(new URL('../apps/standalone/dist/services/main.js', import.meta.url));
const NAMES = ['gateway', 'index-service', 'transfer-worker'];
const whereItIs = brokerIsThere() ? describe : describe.skip;

let database: TestDatabase;
let home: string;
const started: ChildProcess[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  home = await mkdtemp(join(tmpdir(), 'tidemark-test-'));
  await chmod(home, 0o755);
});

afterEach(() => started.splice(0).forEach((child) => child.kill('SIGKILL')));

afterAll(async () => {
  await rm(home, { recursive: true, force: true });
  await database.drop();
});

whereItIs('npm run start:services', () => {
  test('runs a job over three processes, and stops them in order', async () => {
    const system = await startServices({ TIDEMARK_LOG_LEVEL: 'info' });
    const archive = join(home, 'archives', 'first.zip');
    expect(await backup(system.url, archive)).toMatchObject({ state: 'SUCCEEDED' });
    expect(system.banner).toContain('RabbitMQ: ');
    expect(Object.keys(system.pids)).toEqual(NAMES);
    system.child.kill('SIGTERM');
    expect(await system.closed).toBe(0);
    const stopped = system.log().match(/^\S+(?= \| .*"stopping")/gm);
    expect(stopped).toEqual(['transfer-worker', 'gateway', 'index-service']);
    expect(Object.values(system.pids).filter(isAlive)).toEqual([]);
  });

  test('names a service that ends by itself, and ends the others', async () => {
    const system = await startServices();
    process.kill(system.pids.gateway ?? 0, 'SIGKILL');
    expect(await system.closed).toBe(1);
    expect(system.log()).toContain('gateway ended by itself (SIGKILL); everything stops\n');
    expect(Object.values(system.pids).filter(isAlive)).toEqual([]);
  });

  test('leaves no service behind when it is killed', async () => {
    const system = await startServices();
    system.child.kill('SIGKILL');
    await system.closed; // the broker's keeper has its standard error, and ends when the broker has
    for (const pid of Object.values(system.pids)) while (isAlive(pid)) await sleep(10);
  });

  test('names the setting of a port that is in use, before anything is started', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const { closed, log } = launch({ TIDEMARK_INDEX_PORT: String(port) });
    expect(await closed).toBe(1);
    expect(log()).toBe(`tidemark: port ${port} is in use; start with TIDEMARK_INDEX_PORT=${port + 1}\n`);
    other.close();
  });
});

interface Launched {
  readonly child: ChildProcess;
  /** The exit code, when it has ended and nobody writes to its output any more. */
  readonly closed: Promise<number | null>;
  readonly log: () => string;
}

interface System extends Launched {
  readonly url: string;
  readonly banner: string;
  readonly pids: Readonly<Record<string, number>>;
}

function launch(settings: Readonly<Record<string, string>> = {}): Launched {
  const free = { PORT: '0', TIDEMARK_INTERNAL_PORT: '0', TIDEMARK_INDEX_PORT: '0', TIDEMARK_WORKER_PORT: '0' };
  const places = { TIDEMARK_HOME: home, TIDEMARK_FILE_ROOTS: join(home, 'archives') };
  const services = { DATABASE_URL: database.url, AMQP_URL: 'private' };
  const child = spawn(process.execPath, [MAIN], {
    env: { ...process.env, NODE_OPTIONS: '', ...free, ...places, ...services, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const closed = once(child, 'close').then(([code]) => code as number | null);
  return { child, closed, log: () => log };
}

async function startServices(settings: Readonly<Record<string, string>> = {}): Promise<System> {
  const launched = launch(settings);
  let banner = '';
  await new Promise<void>((resolve, reject) => {
    launched.child.stdout?.on('data', (chunk: Buffer) => {
      banner += chunk.toString();
      if (banner.includes('Ctrl-C')) resolve();
    });
    launched.closed.then(() => reject(new Error(`it ended before it was ready:\n${launched.log()}`)), reject);
  });
  const pids = [...banner.matchAll(/^ {2}(\S+) +http\S+ \(pid (\d+)\)/gm)].map(([, name, pid]) => [name, Number(pid)]);
  const url = /^Tidemark is ready at (\S+)/.exec(banner)?.[1] ?? '';
  return { ...launched, url, banner, pids: Object.fromEntries(pids) as Record<string, number> };
}

async function backup(url: string, archive: string): Promise<unknown> {
  const answer = await fetch(`${url}/core/management`, {
    method: 'PATCH',
    headers: { 'Content-Type': 'application/json', Prefer: 'wait=60' },
    body: JSON.stringify({ kind: BACKUP_KIND, destination: `file:${archive}` }),
  });
  return await answer.json();
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
