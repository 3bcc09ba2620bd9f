import { readFile } from 'node:fs/promises';
import { request } from 'node:https';

import { afterAll, afterEach, describe, expect, test } from '@jest/globals';

import { TestAuthority } from '@tidemark/testing';

import { answerOf, TestDepot } from './depot.fixture.test.js';

const authority = TestAuthority.make();
afterAll(() => authority?.remove());
const whereItIs = authority ? describe : describe.skip;

whereItIs('over https', () => {
  const ours = authority?.issue('IP:127.0.0.1') ?? { cert: '', key: '' };
  const other = authority?.issue('IP:127.0.0.2') ?? { cert: '', key: '' };
  let depot: TestDepot | undefined;
  afterEach(async () => {
    await depot?.close();
    depot = undefined;
  });

  const start = async (cert: string, key: string): Promise<TestDepot> => {
    depot = await TestDepot.start({ settings: { TIDEMARK_TLS_CERT: cert, TIDEMARK_TLS_KEY: key } });
    return depot;
  };

  test('archives go in and out, and nothing is said without a certificate', async () => {
    const { url } = await start(ours.cert, ours.key);
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const ca = await readFile(authority?.cert ?? '', 'utf8');
    const call = async (method: string, body?: string): ReturnType<typeof answerOf> => {
      const sent = request(`${url}/archives/a.zip`, { method, ca, agent: false });
      sent.end(body);
      return await answerOf(sent);
    };
    expect((await call('PUT', 'an archive')).status).toBe(201);
    expect((await call('GET')).body.toString()).toBe('an archive');
    await expect(depot?.call('a.zip')).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect((await call('GET')).status).toBe(200);
  });

  test.each([
    ['', ours.key, /^TIDEMARK_TLS_CERT is not set: the certificate of TIDEMARK_TLS_KEY is wanted$/],
    [ours.cert, '', /^TIDEMARK_TLS_KEY is not set: the key of TIDEMARK_TLS_CERT is wanted$/],
    ['/none', ours.key, /^TIDEMARK_TLS_CERT: must be the path of a file that can be read \(ENOENT\)$/],
    [ours.cert, '/none', /^TIDEMARK_TLS_KEY: must be the path of a file that can be read \(ENOENT\)$/],
    [ours.key, ours.key, /^TIDEMARK_TLS_CERT: must be a certificate in PEM form/],
    [ours.cert, ours.cert, /^TIDEMARK_TLS_KEY: must be a private key in PEM form, without a passphrase/],
    [ours.cert, other.key, /^TIDEMARK_TLS_KEY: must be the key of the certificate in TIDEMARK_TLS_CERT$/],
  ])('a start with %j and %j says which setting is wrong', async (cert, key, message) => {
    await expect(start(cert, key)).rejects.toMatchObject({
      name: 'ConfigError',
      message: expect.stringMatching(message),
    });
  });
});
