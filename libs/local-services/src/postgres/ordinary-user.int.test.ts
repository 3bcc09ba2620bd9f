import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { isThere } from '../host/folders.js';
import { ordinaryUser, type OrdinaryUser } from '../ordinary-user.fixture.test.js';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

let somebody: OrdinaryUser;

beforeAll(async () => {
  somebody = await ordinaryUser();
});

afterAll(() => somebody.remove());

describe('an ordinary user', () => {
  test('keeps a server in a closed home: databases, programs and all', async () => {
    const { home, uid } = somebody;
    const said = await somebody.run(`
      import { startPostgres, temporaryPostgres } from '@tidemark/local-services';
      import { silentLogger as log } from '@tidemark/platform';
      const folder = ${JSON.stringify(join(home, 'databases'))};
      const first = await startPostgres({ folder, log });
      await first.stop();
      const [again, temporary] = await Promise.all([startPostgres({ folder, log }), temporaryPostgres({ log })]);
      console.log(process.getuid(), first.version, again.version, temporary.version);
      await Promise.all([again.stop(), temporary.stop()]);
    `);
    expect(said).toBe(`${uid} 18.4 18.4 18.4`);
    expect((await stat(join(home, 'databases', 'cluster', 'data'))).uid).toBe(uid);
    expect((await stat(join(home, 'databases', 'cluster', 'password'))).uid).toBe(uid);
    expect(await isThere(join(home, '.cache', 'tidemark'))).toBe(true);
  });
});
