/** Archives over https, with an authority that only NODE_EXTRA_CA_CERTS makes trusted. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { startSystem, TestAuthority, TestProcess, type RunningSystem } from '@tidemark/testing';

import { expectBack, writeTwoStates, type TwoStates } from './two-states.fixture.test.js';

jest.setTimeout(90_000); // processes are started: on a busy machine that takes its time

const authority = TestAuthority.make();
const whereItIs = authority ? describe : describe.skip;

whereItIs('an archive depot over https', () => {
  let it: RunningSystem;
  let folder: string;
  let depot: TestProcess;
  /** Its certificate is for another name. */
  let misnamed: TestProcess;
  let allowed: Record<string, string>;
  let states: TwoStates;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidemark-depots-'));
    depot = await depotFor('IP:127.0.0.1', 'named');
    misnamed = await depotFor('DNS:elsewhere.example', 'misnamed');
    allowed = {
      TIDEMARK_HTTP_ALLOW: `${depot.url}/archives, ${misnamed.url}/archives`,
      TIDEMARK_HTTP_ALLOW_PRIVATE: '127.0.0.1',
      NODE_TLS_REJECT_UNAUTHORIZED: '0', // certificates are verified all the same
      TIDEMARK_PART_BYTES: String(64 * 1024),
      TIDEMARK_CHUNK_BYTES: String(64 * 1024),
    };
    it = await startSystem({ settings: { ...allowed, NODE_EXTRA_CA_CERTS: authority?.cert ?? '' } });
    states = await writeTwoStates(it, 50);
  });
  afterAll(async () => {
    await it.remove();
    await depot.stop();
    await misnamed.stop();
    await rm(folder, { recursive: true });
    authority?.remove();
  });

  async function depotFor(name: string, below: string): Promise<TestProcess> {
    const { cert = '', key = '' } = authority?.issue(name) ?? {};
    const files = { TIDEMARK_TLS_CERT: cert, TIDEMARK_TLS_KEY: key };
    const settings = { PORT: '0', TIDEMARK_DEPOT_FOLDER: join(folder, below), ...files };
    return await new TestProcess({ app: 'archive-depot', settings }).start();
  }

  async function expectRefused(by: RunningSystem, url: string, reason: RegExp): Promise<void> {
    for (const { body } of [await by.client.backup(url), await by.client.restore(url)]) {
      expect(body).toMatchObject({ state: 'FAILED', attempt: 1, error: { code: 'DESTINATION_REFUSED' } });
      expect(body.error?.message).toMatch(reason);
      expect(body.error).not.toHaveProperty('destinationTouched');
    }
  }

  test('takes a backup and gives it back', async () => {
    expect(depot.url).toMatch(/^https:/);
    const { body } = await it.client.backup(`${depot.url}/archives/a.zip`);
    expect(body).toMatchObject({ state: 'SUCCEEDED', result: { verified: 'EVERY_PART' } });
    await expectBack(it, `${depot.url}/archives/a.zip`, states);
  });

  test('is refused where its certificate is for another name', async () => {
    const reason = /its certificate is not accepted \(ERR_TLS_CERT_ALTNAME_INVALID\)$/;
    await expectRefused(it, `${misnamed.url}/archives/a.zip`, reason);
    expect(await readdir(join(folder, 'misnamed'))).toEqual([]);
  });

  test('is refused where its authority is not known, and nothing is touched', async () => {
    expect((await it.client.backup(`${depot.url}/archives/kept.zip`)).status).toBe(200);
    const kept = await readFile(join(folder, 'named', 'kept.zip'));
    const files = await readdir(join(folder, 'named'));
    const stranger = await startSystem({ settings: { ...allowed, NODE_EXTRA_CA_CERTS: '' } });
    try {
      const reason = /its certificate is not accepted \(UNABLE_TO_VERIFY_LEAF_SIGNATURE\)$/;
      await expectRefused(stranger, `${depot.url}/archives/kept.zip`, reason);
    } finally {
      await stranger.remove();
    }
    expect(await readdir(join(folder, 'named'))).toEqual(files);
    expect(kept.equals(await readFile(join(folder, 'named', 'kept.zip')))).toBe(true);
  });
});
