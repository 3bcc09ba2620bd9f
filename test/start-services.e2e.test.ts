import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { isRunning } from '@tidemark/local-services';
import { sleep } from '@tidemark/platform';
import { brokerIsThere, createTestDatabase, SystemClient, type TestDatabase } from '@tidemark/testing';

jest.setTimeout(120_000); // a broker and five processes are started: on a busy machine that takes its time

const MAIN = fileURLToPath(new URL('../apps/standalone/dist/services/main.js', import.meta.url));
const NAMES = ['gateway', 'index-service', 'transfer-worker', 'archive-depot'];
const API_TOKEN = 'token-of-an-operator-0123456789';
const DEPOT_TOKEN = 'token-of-the-depot-0123456789';
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
  test('runs jobs over four processes, and stops them in order', async () => {
    const system = await startServices({ TIDEMARK_LOG_LEVEL: 'info' });
    for (const archive of [`file:${home}/archives/first.zip`, `${system.depot}first.zip`]) {
      expect((await system.client.backup(archive)).body).toMatchObject({ state: 'SUCCEEDED' });
      expect((await system.client.restore(archive)).body).toMatchObject({ state: 'SUCCEEDED' });
    }
    expect(system.banner).toContain('RabbitMQ: ');
    expect(Object.keys(system.pids)).toEqual(NAMES);
    system.child.kill('SIGTERM');
    expect(await system.closed).toBe(0);
    const stopped = system.log().match(/^\S+(?= \| .*"stopping")/gm);
    expect(stopped).toEqual(['transfer-worker', 'gateway', 'index-service', 'archive-depot']);
    expect(await running(Object.values(system.pids))).toEqual([]);
  });

  test('gives each process the secrets that are its own, and no other', async () => {
    const secretKey = randomBytes(32).toString('base64');
    const system = await startServices({
      TIDEMARK_API_TOKENS: `me:operator:${API_TOKEN}`,
      TIDEMARK_DEPOT_TOKENS: DEPOT_TOKEN,
      TIDEMARK_SECRET_KEY: secretKey,
    });
    const secrets = {
      api: API_TOKEN,
      depot: DEPOT_TOKEN,
      key: secretKey,
      broker: 'AMQP_URL=amqp:',
      database: database.url,
    };
    const had = NAMES.map((name) => {
      const environment = readFileSync(`/proc/${system.pids[name] ?? 0}/environ`, 'utf8');
      const found = Object.entries(secrets).filter(([, secret]) => environment.includes(secret));
      return [name, found.map(([secret]) => secret)];
    });
    expect(Object.fromEntries(had)).toEqual({
      gateway: ['api', 'key', 'broker', 'database'],
      'index-service': ['database'],
      'transfer-worker': ['broker'],
      'archive-depot': ['depot'],
    });
    const { body } = await system.client.as(API_TOKEN).backup(`${system.depot}second.zip`, { bearer: DEPOT_TOKEN });
    expect(body).toMatchObject({ state: 'SUCCEEDED' });
  });

  test('starts no depot that would be a way round the tokens of the API', async () => {
    const system = await startServices({ TIDEMARK_API_TOKENS: `me:operator:${API_TOKEN}` });
    expect(Object.keys(system.pids)).toEqual(NAMES.filter((name) => name !== 'archive-depot'));
    expect(system.banner).toMatch(/^ {2}depot +none: .*TIDEMARK_DEPOT_TOKENS$/m);
    const { body } = await system.client.as(API_TOKEN).backup('http://127.0.0.1:8082/archives/a.zip');
    expect(body).toMatchObject({ code: 'DESTINATION_NOT_ALLOWED', details: { allowed: [] } });
  });

  test('names a service that ends by itself, and ends the others', async () => {
    const system = await startServices();
    process.kill(system.pids.gateway ?? 0, 'SIGKILL');
    expect(await system.closed).toBe(1);
    expect(system.log()).toContain('gateway ended by itself (SIGKILL); everything stops\n');
    expect(await running(Object.values(system.pids))).toEqual([]);
  });

  test('leaves no service behind when it is killed', async () => {
    const system = await startServices();
    system.child.kill('SIGKILL');
    await system.closed; // the broker's keeper has its standard error, and ends when the broker has
    for (const pid of Object.values(system.pids)) while (await isRunning(pid)) await sleep(10);
  });

  test.each(['TIDEMARK_INDEX_PORT', 'TIDEMARK_DEPOT_PORT'])(
    'names %s in use, before anything is started',
    async (setting) => {
      const other = createServer().listen(0, '127.0.0.1');
      await once(other, 'listening');
      const { port } = other.address() as AddressInfo;
      const { closed, log } = launch({ [setting]: String(port) });
      expect(await closed).toBe(1);
      expect(log()).toBe(`tidemark: port ${port} is in use; start with ${setting}=${port + 1}\n`);
      other.close();
    },
  );
});

interface Launched {
  readonly child: ChildProcess;
  /** The exit code, when it has ended and nobody writes to its output any more. */
  readonly closed: Promise<number | null>;
  readonly log: () => string;
}

interface System extends Launched {
  readonly client: SystemClient;
  /** Of the folder of archives, with a slash at its end; empty where there is none. */
  readonly depot: string;
  readonly banner: string;
  readonly pids: Readonly<Record<string, number>>;
}

function launch(settings: Readonly<Record<string, string>> = {}): Launched {
  const ports = ['PORT', ...['INTERNAL', 'INDEX', 'WORKER', 'DEPOT'].map((name) => `TIDEMARK_${name}_PORT`)];
  const free = Object.fromEntries(ports.map((name) => [name, '0']));
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
  const depot = /^ {2}depot +(http:\S+)/m.exec(banner)?.[1] ?? '';
  return {
    ...launched,
    client: new SystemClient(url),
    depot,
    banner,
    pids: Object.fromEntries(pids) as Record<string, number>,
  };
}

async function running(pids: readonly number[]): Promise<number[]> {
  const areRunning = await Promise.all(pids.map(isRunning));
  return pids.filter((_, place) => areRunning[place]);
}
