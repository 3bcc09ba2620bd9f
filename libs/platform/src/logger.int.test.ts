import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from '@jest/globals';

import { createLogger } from './logger.js';

test('no secret gets into a line, wherever it stands in what is logged', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-log-'));
  const file = await open(join(folder, 'log'), 'w');
  const log = createLogger({ service: 'test', level: 'trace', fd: file.fd });
  const cause = Object.assign(new Error('GET https://h/a?sig=s3cret'), {
    config: { headers: { 'x-tidemark-grant': 's3cret', Authorization: 's3cret' } },
  });
  log.error({ err: new Error('postgres://me:s3cret@h/db is away', { cause }) }, 'amqp://me:s3cret@h');
  log.child({ request: { bearer: 's3cret' } }).trace('Authorization: Bearer s3cret-s3cret');
  await file.close();
  const lines = (await readFile(join(folder, 'log'), 'utf8')).split('\n');
  await rm(folder, { recursive: true });
  expect(lines.join()).not.toContain('s3cret');
  expect(lines.slice(0, -1).map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { level: 50, service: 'test', msg: 'amqp://***@h', err: { message: expect.stringContaining('***@h/db is away') } },
    { level: 10, service: 'test', msg: 'Authorization: Bearer ***', request: { bearer: '***' } },
  ]);
});
