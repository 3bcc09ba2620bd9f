import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { ordinaryUser, type OrdinaryUser } from '../ordinary-user.fixture.test.js';

jest.setTimeout(120_000); // a broker is started: on a busy machine that takes its time

let somebody: OrdinaryUser;

beforeAll(async () => {
  somebody = await ordinaryUser();
});

afterAll(() => somebody.remove());

describe('an ordinary user', () => {
  test('keeps a broker in a closed home', async () => {
    const folder = join(somebody.home, 'rabbitmq');
    const said = await somebody.run(`
      import { startRabbitMq } from '@tidemark/local-services';
      import { silentLogger as log } from '@tidemark/platform';
      const broker = await startRabbitMq({ folder: ${JSON.stringify(folder)}, log });
      console.log(process.getuid(), new URL(broker.url).hostname);
      await broker.stop();
    `);
    expect(said).toBe(`${somebody.uid} 127.0.0.1`);
    expect((await stat(join(folder, 'node', 'state', 'mnesia'))).uid).toBe(somebody.uid);
  });
});
