import { createHash, createPublicKey } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { describe, expect, test } from '@jest/globals';

import { grantPrivateKey, grantPublicKey } from '@tidemark/contracts';

import { DEAD_LETTERS, EXCHANGES, QUEUES, ROUTES } from '../libs/messaging/src/topology.js';
import { namesWanted, readCompose } from '../scripts/compose-files.mjs';
import { madeEnv } from './made-env.fixture.test.js';

/** Passwords, keys and rights of the services in docker-compose.yml. */
const read = (file: string): string => readFileSync(resolve(import.meta.dirname, '..', file), 'utf8');
const text = read('docker-compose.yml');
const made = madeEnv();
const compose = readCompose(text, made.settings);

describe('npm run make-env', () => {
  test('writes what the compose file wants and nothing else, for its owner alone', () => {
    expect(Object.keys(made.settings).sort()).toEqual(namesWanted(text).sort());
    expect(made.mode).toBe(0o600);
  });

  test('tells the names, the next command and no secret', () => {
    for (const [name, value] of Object.entries(made.settings)) {
      expect(made.said).toContain(name);
      expect(made.said).not.toContain(value);
    }
    expect(made.said).toContain('docker compose up');
  });

  test('leaves a file alone that is there', () => {
    expect(made.again.code).toBe(1);
    expect(made.again.said).toContain('is there already');
    expect(made.again.settings).toEqual(made.settings);
  });

  test('makes other secrets each time', () => {
    const { settings } = madeEnv();
    for (const [name, value] of Object.entries(made.settings))
      expect([name, settings[name]]).not.toEqual([name, value]);
  });

  test('makes two halves of one key, a secret of 32 bytes, a token for an operator and one for the depot', () => {
    const { TIDEMARK_GRANT_PRIVATE_KEY: signs, TIDEMARK_GRANT_PUBLIC_KEY: checks, ...rest } = made.settings;
    const half = { format: 'der', type: 'spki' } as const;
    const publicHalf = createPublicKey(grantPrivateKey.parse(signs).export({ format: 'pem', type: 'pkcs8' }));
    expect(publicHalf.export(half)).toEqual(grantPublicKey.parse(checks).export(half));
    expect(Buffer.from(rest.TIDEMARK_SECRET_KEY!, 'base64')).toHaveLength(32);
    expect(rest.TIDEMARK_API_TOKENS).toMatch(/^operator:operator:[\w-]{43}$/);
    expect(rest.TIDEMARK_DEPOT_TOKENS).toMatch(/^[\w-]{43}$/);
  });
});

test('no secret has a default: each one that is missing is named, with what to do', () => {
  for (const name of namesWanted(text)) {
    expect(() => readCompose(text, { ...made.settings, [name]: '' })).toThrow(`${name}: run npm run make-env`);
  }
  expect([...text.matchAll(/(pass|key|token)\w*: +(?!\$\{)(\S+)/gi)].map(([line]) => line)).toEqual([]);
});

test('the depot alone has its token, and no other secret', () => {
  const { TIDEMARK_DEPOT_TOKENS: token, ...others } = made.settings;
  const has = (name: string, secret: string): boolean => JSON.stringify(compose.services[name]).includes(secret);
  expect(Object.keys(compose.services).filter((name) => has(name, token!))).toEqual(['archive-depot']);
  expect(Object.values(others).filter((secret) => has('archive-depot', secret))).toEqual([]);
});

test('nothing that is over the compose file wants a secret', () => {
  const over = readdirSync(resolve(import.meta.dirname, '../compose')).filter((file) => file.endsWith('.yml'));
  expect(over).toEqual(['outside.yml']);
  expect(namesWanted(read('compose/outside.yml'))).toEqual(['TIDEMARK_HTTP_ALLOW']);
});

describe('PostgreSQL', () => {
  const roles = read('compose/postgres/roles.sql');
  const environment = compose.services.postgres!.environment;

  test.each(['gateway', 'index-service'])('has the role that the %s comes with, and its password', (name) => {
    const url = new URL(compose.services[name]!.environment.DATABASE_URL!);
    const [, variable] = new RegExp(`CREATE ROLE ${url.username} LOGIN PASSWORD :'(\\w+)'`).exec(roles) ?? [];
    const [, setting] = new RegExp(`\\\\getenv ${String(variable)} (\\w+)`).exec(roles) ?? [];
    expect(environment[String(setting)]).toBe(url.password);
    expect(url.pathname).toBe(`/${environment.POSTGRES_DB!}`);
    expect(environment.POSTGRES_PASSWORD).not.toBe(url.password);
  });

  test('runs that script when the database is made', () => {
    expect(compose.services.postgres!.volumes).toContain('./compose/postgres:/docker-entrypoint-initdb.d:ro');
  });
});

describe('RabbitMQ', () => {
  const { configs } = compose.services.rabbitmq!;
  const contentFor = (end: string): { target: string; content: string } => {
    const { source, target } = configs!.find((config) => config.target.endsWith(end))!;
    return { target, content: compose.configs[source]!.content };
  };
  const definitions = JSON.parse(contentFor('.json').content) as Definitions;
  const publishers = {
    gateway: ['request', 'backupDoorbell', 'restoreDoorbell', 'jobEvent'],
    worker: ['progress', 'settled'],
  };
  const consumed = {
    gateway: ['tidemark.requests', 'tidemark.reports'],
    worker: ['tidemark.jobs.backup', 'tidemark.jobs.restore'],
  };
  const exchanges = Object.keys(EXCHANGES);
  const queues = [...Object.keys(QUEUES), DEAD_LETTERS.queue];

  test('loads the definitions', () => {
    expect(contentFor('.conf').content).toContain(`load_definitions = ${contentFor('.json').target}\n`);
  });

  test.each([
    ['gateway', 'gateway'],
    ['transfer-worker', 'worker'],
  ])('knows the user of the %s by the hash of its password', (name, user) => {
    const url = new URL(compose.services[name]!.environment.AMQP_URL!);
    expect(url.username).toBe(user);
    expect(definitions.vhosts).toEqual([{ name: url.pathname.slice(1) }]);
    const {
      password_hash: stored,
      tags,
      hashing_algorithm: algorithm,
    } = definitions.users.find((each) => each.name === user)!;
    const salted = Buffer.from(stored, 'base64');
    const hash = createHash('sha256').update(salted.subarray(0, 4)).update(url.password).digest();
    expect(salted.subarray(4)).toEqual(hash);
    expect([algorithm, tags]).toEqual(['rabbit_password_hashing_sha256', []]);
  });

  test('lets the gateway make the topology, and nobody else', () => {
    const [gateway, worker] = [rightsOf('gateway'), rightsOf('worker')];
    for (const name of [...exchanges, ...queues]) {
      // A binding wants the right to write to the queue and to read from the exchange.
      expect([name, ...allowed(gateway, name)]).toEqual([name, true, true, true]);
      expect([name, allowed(worker, name)[0]]).toEqual([name, false]);
    }
    for (const foreign of ['another', 'amq.topic', 'xtidemark.jobs']) {
      expect(allowed(gateway, foreign)).toEqual([false, false, false]);
      expect(allowed(worker, foreign)).toEqual([false, false, false]);
    }
    // Answers go by the default exchange.
    expect(allowed(gateway, 'amq.default')).toEqual([false, true, false]);
    expect(allowed(worker, 'amq.default')).toEqual([false, false, false]);
  });

  test('lets the worker publish what it says and consume its doorbells, no more', () => {
    const said = publishers.worker.map((route) => ROUTES[route as keyof typeof ROUTES].exchange);
    const writable = exchanges.filter((name) => allowed(rightsOf('worker'), name)[1]);
    expect(new Set(writable)).toEqual(new Set([...said, DEAD_LETTERS.exchange]));
    const readable = [...exchanges, ...queues].filter((name) => allowed(rightsOf('worker'), name)[2]);
    expect(readable.sort()).toEqual(consumed.worker.sort());
    expect([...publishers.gateway, ...publishers.worker].sort()).toEqual(Object.keys(ROUTES).sort());
    expect([...consumed.gateway, ...consumed.worker].sort()).toEqual(Object.keys(QUEUES).sort());
  });

  function rightsOf(user: string): Permission {
    return definitions.permissions.find((permission) => permission.user === user)!;
  }

  /** To configure, to write, to read. */
  function allowed({ configure, write, read: readable }: Permission, name: string): boolean[] {
    return [configure, write, readable].map((pattern) => new RegExp(pattern).test(name));
  }
});

interface Permission {
  readonly user: string;
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

interface Definitions {
  readonly vhosts: readonly { readonly name: string }[];
  readonly users: readonly {
    readonly name: string;
    readonly password_hash: string;
    readonly hashing_algorithm: string;
    readonly tags: readonly string[];
  }[];
  readonly permissions: readonly Permission[];
}
