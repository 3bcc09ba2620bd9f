import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { afterEach, describe, expect, jest, test } from '@jest/globals';

import { errorOf, startSystem, withOwnMounts, type RunningSystem } from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** The archive depot that standalone starts: what may go there without a setting, what not, and who is let in. */
const API_TOKEN = 'token-of-an-operator-0123456789';
const DEPOT_TOKEN = 'token-of-the-depot-0123456789';

const systems: RunningSystem[] = [];
afterEach(async () => {
  for (const system of systems.splice(0)) await system.remove();
});

async function start(settings: Record<string, string> = {}, within: readonly string[] = []): Promise<RunningSystem> {
  const system = await startSystem({ settings, within });
  systems.push(system);
  return system;
}

/** What the banner says of the depot. */
function told({ worker }: RunningSystem): string {
  return /^ {2}depot +(.+)$/m.exec(worker.output)?.[1] ?? '';
}

/** Of the folder of archives, with a slash at its end. */
function depotOf(system: RunningSystem): string {
  return /^http:\S+/.exec(told(system))?.[0] ?? '';
}

async function expectNotAllowed(system: RunningSystem, url: string): Promise<void> {
  const refused = await system.client.backup(url);
  expect([refused.status, errorOf(refused)]).toMatchObject([
    403,
    { code: 'DESTINATION_NOT_ALLOWED', details: { setting: 'TIDEMARK_HTTP_ALLOW' } },
  ]);
}

async function expectBackUpAndRestore(system: RunningSystem, url: string): Promise<void> {
  await system.client.put('/notes/first', { text: 'hello' });
  expect((await system.client.backup(url)).body).toMatchObject({ state: 'SUCCEEDED' });
  await system.client.put('/notes/first', { text: 'changed' });
  expect((await system.client.restore(url)).body).toMatchObject({ state: 'SUCCEEDED' });
  expect((await system.client.call('GET', '/notes/first')).body).toMatchObject({ text: 'hello' });
}

describe('with nothing set', () => {
  test('archives go to it and come from it, by both of its names, and lie in the home folder', async () => {
    const it = await start();
    const depot = depotOf(it);
    expect(told(it)).toBe(`${depot}  (destinations may be there)`);
    expect(new URL(depot)).toMatchObject({ hostname: '127.0.0.1', pathname: '/archives/' });
    await expectBackUpAndRestore(it, `${depot}first.zip`);
    await expectBackUpAndRestore(it, `${depot.replace('127.0.0.1', 'localhost')}second.zip`);
    const kept = await readdir(join(it.home, 'depot'));
    expect(kept.filter((name) => !name.startsWith('.'))).toEqual(['first.zip', 'second.zip']);
    expect((await stat(join(it.home, 'depot'))).mode & 0o777).toBe(0o700);
    await expectNotAllowed(it, new URL('/core/metrics', depot).href);
    expect(await it.stop()).toBe(0);
  });

  test('two systems have one each, and neither sends to the other’s', async () => {
    const [one, other] = [await start(), await start()];
    expect(depotOf(one)).not.toBe(depotOf(other));
    await expectNotAllowed(one, `${depotOf(other)}a.zip`);
    await expectNotAllowed(other, `${depotOf(one)}a.zip`);
  });

  const within = withOwnMounts(
    String.raw`printf '::1 localhost\n127.0.0.1 localhost\n' > "$TIDEMARK_HOME/hosts" && mount --bind "$TIDEMARK_HOME/hosts" /etc/hosts`,
  );
  const where = within ? test : test.skip;
  where('where localhost is ::1 before it is 127.0.0.1, whoever listens at ::1 is not asked', async () => {
    const it = await start({}, within);
    const depot = new URL(depotOf(it));
    let asked = 0;
    const other = createServer((socket) => {
      asked++;
      socket.destroy();
    });
    await once(other.listen(Number(depot.port), '::1').unref(), 'listening');
    await expectBackUpAndRestore(it, `http://localhost:${depot.port}/archives/a.zip`);
    other.close();
    expect(asked).toBe(0);
  });

  test('only this machine reaches it, wherever the API listens', async () => {
    const everywhere = { HOST: '0.0.0.0', TIDEMARK_AUTH: 'none', TIDEMARK_HOSTS: 'example.org' };
    const it = await start({ ...everywhere, TIDEMARK_DEPOT_TOKENS: DEPOT_TOKEN });
    const elsewhere = (url: string): Promise<Response> => fetch(url.replace('127.0.0.1', '127.0.0.2'));
    expect((await elsewhere(`${it.url}/core/health/live`)).status).toBe(200);
    await expect(elsewhere(depotOf(it))).rejects.toThrow('fetch failed');
    expect((await fetch(depotOf(it))).status).toBe(401);
  });
});

describe('with TIDEMARK_HTTP_ALLOW or TIDEMARK_HTTP_ALLOW_PRIVATE set', () => {
  test.each([{ TIDEMARK_HTTP_ALLOW: 'https://archives.example.org' }, { TIDEMARK_HTTP_ALLOW_PRIVATE: '127.0.0.1' }])(
    '%j holds alone: its own depot is not allowed',
    async (settings) => {
      const it = await start(settings);
      await expectNotAllowed(it, `${depotOf(it)}a.zip`);
      expect(told(it)).toContain('(destinations may be there where TIDEMARK_HTTP_ALLOW has it)');
    },
  );
});

describe('with TIDEMARK_API_TOKENS set', () => {
  const TIDEMARK_API_TOKENS = `me:operator:${API_TOKEN}`;

  test.each(['', ' , '])('it is not there without tokens of its own (%j), and nothing may go there', async (none) => {
    const it = await start({ TIDEMARK_API_TOKENS, TIDEMARK_DEPOT_TOKENS: none });
    expect(told(it)).toMatch(/^none: .*TIDEMARK_API_TOKENS.*TIDEMARK_DEPOT_TOKENS/);
    expect(existsSync(join(it.home, 'depot'))).toBe(false);
    const refused = await it.client.as(API_TOKEN).backup('http://127.0.0.1:8082/archives/a.zip');
    expect([refused.status, errorOf(refused)]).toMatchObject([403, { details: { allowed: [] } }]);
  });

  test('it lets in those with a token of TIDEMARK_DEPOT_TOKENS alone, jobs too', async () => {
    const it = await start({ TIDEMARK_API_TOKENS, TIDEMARK_DEPOT_TOKENS: DEPOT_TOKEN });
    const depot = depotOf(it);
    expect(told(it)).toContain('with a token of TIDEMARK_DEPOT_TOKENS as bearer');
    const asking = async (token: string): Promise<number> =>
      (await fetch(depot, { headers: token === '' ? {} : { authorization: `Bearer ${token}` } })).status;
    expect([await asking(''), await asking(API_TOKEN), await asking(DEPOT_TOKEN)]).toEqual([401, 401, 200]);
    const client = it.client.as(API_TOKEN);
    const refused = await client.backup(`${depot}a.zip`);
    expect([refused.status, refused.body.error]).toMatchObject([502, { details: { status: 401 } }]);
    const { body } = await client.backup(`${depot}a.zip`, { bearer: DEPOT_TOKEN });
    expect(body.state).toBe('SUCCEEDED');
  });
});
