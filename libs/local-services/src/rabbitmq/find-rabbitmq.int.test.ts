import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { ConfigError, silentLogger as log, unusedPort } from '@tidemark/platform';

import { NoRabbitMqError } from '../errors.js';
import { askRabbitMq } from './ask-rabbitmq.js';
import { findRabbitMq, type FoundRabbitMq } from './find-rabbitmq.js';

jest.setTimeout(120_000); // a broker is started: on a busy machine that takes its time

const noStart = (): Promise<never> => Promise.reject(new NoRabbitMqError(['none was wanted']));
let usualUrl: string;
let started: FoundRabbitMq;

beforeAll(async () => {
  usualUrl = `amqp://guest:guest@127.0.0.1:${await unusedPort()}`;
  started = await findRabbitMq({ setting: undefined, log, usualUrl });
});

afterAll(() => started.stop());

describe('findRabbitMq', () => {
  test('starts one when nobody answers, and says so', () => {
    expect(started.how).toBe('started');
    expect(started.line).toContain(`nobody answers at ${new URL(usualUrl).host}`);
    expect(started.line).not.toContain(new URL(started.url).password);
  });

  test('takes the broker that is given, without its password in the line', async () => {
    const setting = 'amqps://me:secret@mq.example:6000/x';
    const found = await findRabbitMq({ setting, settingName: 'AMQP_URL', log });
    expect(found).toMatchObject({ url: setting, how: 'given', line: 'RabbitMQ: mq.example:6000, as AMQP_URL says' });
  });

  test.each(['http://localhost/', 'privat', '127.0.0.1:5672'])('refuses the setting %s', async (setting) => {
    await expect(findRabbitMq({ setting, log })).rejects.toThrow(ConfigError);
  });

  test.each([undefined, ''])('finds the usual broker when nothing is given (%p), and leaves it', async (setting) => {
    const found = await findRabbitMq({ setting, log, usualUrl: started.url, start: noStart });
    expect(found).toMatchObject({ url: started.url, how: 'found' });
    await found.stop();
    await expect(askRabbitMq(started.url)).resolves.toBeDefined();
  });

  test('wants one of its own when it is asked to, when the usual one does not let us in, or is something else', async () => {
    const wanted = (setting: string | undefined, url: string): Promise<string> =>
      findRabbitMq({ setting, log, usualUrl: url, start: () => Promise.reject(new Error('started')) }).then(
        () => 'found',
        (error: unknown) => (error as Error).message,
      );
    expect(await wanted('private', started.url)).toBe('started');
    expect(await wanted(undefined, started.url.replace(/:[0-9a-f]{48}@/, ':wrong@'))).toBe('started');
    const other = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1');
    await once(other, 'listening');
    expect(await wanted(undefined, `amqp://guest:guest@127.0.0.1:${(other.address() as AddressInfo).port}`)).toBe(
      'started',
    );
    other.close();
  });

  test('says what was tried when there is none', async () => {
    await expect(findRabbitMq({ setting: 'private', log, start: noStart })).rejects.toThrow(
      /AMQP_URL.*none was wanted/,
    );
  });
});
