import { Controller, Get } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { errorOf, exchange, startTestServer, type TestServer } from '../test-support.test.js';
import { hostAndOriginCheck } from './host-and-origin.js';

@Controller()
class Something {
  @Get('here')
  here(): object {
    return {};
  }
}

let server: TestServer;
beforeAll(async () => {
  const onRequest = [hostAndOriginCheck(['Backup.example.org', 'one.example.org:8443'])];
  server = await startTestServer(Something, { onRequest });
});
afterAll(() => server.close());

const ask = (headers: Record<string, string>, path = '/here'): ReturnType<typeof exchange> =>
  exchange(server.port, { path, headers });

describe('the host', () => {
  test.each([
    'localhost',
    'LOCALHOST:1',
    'localhost:65535',
    '127.0.0.1',
    '127.0.0.1:8000',
    '127.255.1.2',
    '[::1]',
    '[::1]:8000',
    '[0:0:0:0:0:0:0:1]',
    'backup.example.org',
    'BACKUP.EXAMPLE.ORG:80',
    'one.example.org:8443',
  ])('%s is served', async (host) => {
    expect((await ask({ host })).status).toBe(200);
  });

  test.each([
    'example.org',
    'localhost.example.org',
    'localhost.',
    'xlocalhost',
    'a@localhost',
    'localhost:x',
    'localhost:',
    'localhost:1:2',
    '127.0.0.1.example.org',
    '127.1',
    '0177.0.0.1',
    '2130706433',
    '0.0.0.0',
    '128.0.0.1',
    '192.168.0.1',
    '[::]',
    '[::2]',
    '[::1',
    '::1',
    '[localhost]',
    'one.example.org',
    'one.example.org:80',
    'www.backup.example.org',
    ' ',
    'localhost, example.org',
  ])('"%s" is not served', async (host) => {
    expect(errorOf(await ask({ host }))).toMatchObject({ statusCode: 421, code: 'HOST_UNKNOWN' });
  });

  test('is looked at before the path', async () => {
    expect(errorOf(await ask({ host: 'example.org' }, '/nowhere')).code).toBe('HOST_UNKNOWN');
  });
});

describe('the origin', () => {
  test.each([
    ['localhost:8000', 'http://localhost:8000'],
    ['LocalHost:8000', 'http://localhost:8000'],
    ['127.0.0.1', 'http://127.0.0.1'],
    ['127.0.0.1:80', 'http://127.0.0.1'],
    ['[::1]:8000', 'http://[::1]:8000'],
    ['backup.example.org', 'https://backup.example.org'],
    ['backup.example.org:443', 'https://backup.example.org'],
  ])('of %s may be %s', async (host, origin) => {
    expect((await ask({ host, origin })).status).toBe(200);
  });

  test.each([
    ['localhost:8000', 'http://localhost:8001'],
    ['localhost:8000', 'http://localhost'],
    ['localhost:8000', 'http://127.0.0.1:8000'],
    ['localhost', 'http://example.org'],
    ['localhost', 'null'],
    ['localhost', ''],
    ['localhost', 'localhost'],
    ['localhost', 'file://localhost'],
    ['localhost', 'http://localhost/'],
    ['localhost', 'http://u@localhost'],
    ['localhost', 'http://localhost http://localhost'],
    ['localhost', 'http://localhost.example.org'],
    ['backup.example.org', 'https://backup.example.org:8443'],
  ])('of %s may not be "%s"', async (host, origin) => {
    expect(errorOf(await ask({ host, origin }))).toMatchObject({ statusCode: 403, code: 'ORIGIN_FOREIGN' });
  });
});
