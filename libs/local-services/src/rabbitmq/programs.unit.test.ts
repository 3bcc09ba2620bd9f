import { describe, expect, test } from '@jest/globals';
import { silentLogger as log } from '@tidemark/platform';

import { NoRabbitMqError } from '../errors.js';
import { packagesOf } from '../host/debian-packages.js';
import type { NodePrograms } from './broker-programs.js';
import { containerProgram } from './container-engine.js';
import { isWanted } from './packaged.js';
import { findBrokerPrograms } from './programs.js';

const programs: NodePrograms = { kind: 'node', server: '/x/rabbitmq-server', epmd: '/x/epmd', path: '/x', from: 'x' };

describe('findBrokerPrograms', () => {
  test('takes the first way that leads to some', async () => {
    const ways = ['not here', programs, 'not tried'].map((answer) => () => Promise.resolve(answer));
    expect(await findBrokerPrograms(log, ways)).toBe(programs);
  });

  test('tells the reasons of all ways, and what to do', async () => {
    const ways = ['not installed', 'no apt'].map((answer) => () => Promise.resolve(answer));
    await expect(findBrokerPrograms(log, ways)).rejects.toThrow(new NoRabbitMqError(['not installed', 'no apt']));
    await expect(findBrokerPrograms(log, ways)).rejects.toThrow(/AMQP_URL/);
  });
});

test('of all that RabbitMQ depends on only Erlang is fetched, and each package once', () => {
  const depends = [
    'rabbitmq-server',
    '  Depends: adduser',
    ' |Depends: erlang-base',
    '  Depends: <erlang-base-hipe>',
    'erlang-base',
    '<erlang-abi-17.0>',
    'erlang-base-hipe',
    'libsctp1',
    'erlang-base',
    '',
  ].join('\n');
  expect(packagesOf(depends).filter(isWanted)).toEqual(['rabbitmq-server', 'erlang-base']);
});

test('a container listens on the loopback interface, has its settings, and its password is not on the command line', () => {
  const engine = { kind: 'container', docker: '/x/docker', from: 'x' } as const;
  const wanted = { port: 5000, settings: { consumer_timeout: 2000, channel_tick_interval: 500 } };
  const { args, env } = containerProgram(engine, { nodeName: 'tidemark-1@localhost', password: 'secret' }, wanted);
  expect(args).toEqual(expect.arrayContaining(['--rm', 'tidemark-1', '127.0.0.1:5000:5672']));
  expect(args.join(' ')).not.toContain('secret');
  expect(env).toMatchObject({
    RABBITMQ_DEFAULT_USER: 'tidemark',
    RABBITMQ_DEFAULT_PASS: 'secret',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-rabbit consumer_timeout 2000 -rabbit channel_tick_interval 500',
  });
});
