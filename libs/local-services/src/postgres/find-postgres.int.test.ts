import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { ConfigError, silentLogger as log, unusedPort } from '@tidemark/platform';

import { dropAbandonedDatabases } from './abandoned-databases.js';
import { askPostgres } from './ask-postgres.js';
import { findPostgres, obstacleAt } from './find-postgres.js';
import type { LocalPostgres } from './local-postgres.js';
import { temporaryPostgres } from './temporary-postgres.js';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

let server: LocalPostgres;

beforeAll(async () => {
  server = await temporaryPostgres({ log });
});

afterAll(() => server.stop());

const asUser = (user: string): string => {
  const url = new URL(server.url);
  url.username = user;
  return url.href;
};

describe('findPostgres', () => {
  test('takes the server that is given, without its password in the line', async () => {
    const setting = 'postgresql://me:secret@db.example:6000/x';
    const found = await findPostgres({ setting, log });
    expect(found).toMatchObject({ url: setting, how: 'given' });
    expect(found.line).toContain('db.example:6000');
    expect(found.line).not.toContain('secret');
  });

  test.each(['mysql://localhost/', 'embeded', '127.0.0.1:5432'])('refuses the setting %s', async (setting) => {
    await expect(findPostgres({ setting, log })).rejects.toThrow(ConfigError);
  });

  test.each([undefined, ''])('finds the usual server when nothing is given (%p)', async (setting) => {
    const found = await findPostgres({ setting, log, usualUrl: server.url });
    expect(found).toMatchObject({ url: server.url, how: 'found' });
    await found.stop();
    await expect(askPostgres(server.url, 'SELECT 1')).resolves.toBeDefined();
  });

  test('starts one when it is asked to, although the usual one is there', async () => {
    const found = await findPostgres({ setting: 'embedded', log, usualUrl: server.url });
    expect(found.how).toBe('started');
    expect(found.url).not.toBe(server.url);
    await expect(askPostgres(found.url, 'SELECT 1')).resolves.toBeDefined();
    await found.stop();
    await expect(askPostgres(found.url, 'SELECT 1')).rejects.toThrow('no PostgreSQL answers');
  });

  test('starts one when nobody answers, and says so', async () => {
    const usualUrl = `postgres://postgres@127.0.0.1:${await unusedPort()}/postgres`;
    const found = await findPostgres({ setting: undefined, log, usualUrl });
    expect(found.line).toContain(`nobody answers at ${new URL(usualUrl).host}`);
    await found.stop();
  });

  test('sees that the usual one does not let us in, or not as a superuser', async () => {
    const { password } = new URL(server.url);
    await askPostgres(server.url, `CREATE ROLE plain LOGIN PASSWORD '${password}'`);
    expect(await obstacleAt(asUser('plain'))).toContain('no superuser');
    expect(await obstacleAt(asUser('nobody_knows'))).toContain('does not let us in');
    expect(await obstacleAt(server.url)).toBeUndefined();
  });

  test('sees that it is no PostgreSQL at all', async () => {
    const other = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    expect(await obstacleAt(`postgres://postgres@127.0.0.1:${port}/postgres`)).toContain('nobody answers');
    other.close();
  });
});

describe('dropAbandonedDatabases', () => {
  const DEAD = 2 ** 22 + 1; // above the highest process id

  async function names(): Promise<(string | null | undefined)[]> {
    const rows = await askPostgres(
      server.url,
      "SELECT datname FROM pg_database WHERE datname LIKE 'probe%' ORDER BY 1",
    );
    return rows.map(([name]) => name);
  }

  test('drops what a dead process left, and nothing else', async () => {
    const kept = [`probe_${process.pid}_a1`, 'probe_x_a1', 'probe', `probes_${DEAD}_a1`].sort();
    const dropped = [`probe_${DEAD}_a1`, `probe_${DEAD}_b2`];
    for (const name of [...kept, ...dropped]) await askPostgres(server.url, `CREATE DATABASE ${name}`);
    expect((await dropAbandonedDatabases(server.url, 'probe')).sort()).toEqual(dropped);
    expect(await names()).toEqual(kept);
    expect(await dropAbandonedDatabases(server.url, 'probe')).toEqual([]);
  });

  test('leaves a database that somebody is connected to', async () => {
    const name = `probe_${DEAD}_c3`;
    await askPostgres(server.url, `CREATE DATABASE ${name}`);
    const url = new URL(server.url);
    url.pathname = name;
    const asked = askPostgres(url.href, 'SELECT pg_sleep(60)').catch((error: unknown) => error);
    while (!(await isConnected(name)));
    expect(await dropAbandonedDatabases(server.url, 'probe')).toEqual([]);
    expect(await names()).toContain(name);
    await askPostgres(server.url, `DROP DATABASE ${name} WITH (FORCE)`);
    expect(await asked).toBeInstanceOf(Error);
  });

  test('does not touch a server of another machine', async () => {
    expect(await dropAbandonedDatabases('postgres://db.example:1/x', 'probe')).toEqual([]);
  });

  async function isConnected(name: string): Promise<boolean> {
    const rows = await askPostgres(
      server.url,
      `SELECT FROM pg_stat_activity WHERE datname = '${name}' AND state = 'active'`,
    );
    return rows.length > 0;
  }
});
