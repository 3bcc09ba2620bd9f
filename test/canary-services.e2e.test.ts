import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import type { Job } from '@tidemark/contracts';
import { temporaryRabbitMq, type LocalRabbitMq } from '@tidemark/local-services';
import { silentLogger } from '@tidemark/platform';
import {
  brokerIsThere,
  NotReadyError,
  startServices,
  TestProcess,
  type AppName,
  type RunningServices,
} from '@tidemark/testing';

import { BrokerSpy, WORK_QUEUES } from './broker-spy.fixture.test.js';
import { stopAtRest } from './bystander.fixture.test.js';
import {
  expectCallersRefused,
  expectJobsWithSecrets,
  expectNoSecretSeen,
  expectSignedUrlsUsed,
} from './talk.fixture.test.js';
import { REFUSED, TalkativeSystem } from './talkative-system.fixture.test.js';

jest.setTimeout(90_000); // a broker and many processes are started: on a busy machine that takes its time

/**
 * Secrets go in wherever they can, over three processes and a broker with a password of its own: nothing that anybody can
 * see may hold one, whoever publishes, stores, answers or logs it.
 */
const whereItIs = brokerIsThere() ? describe : describe.skip;

whereItIs('three processes', () => {
  let broker: LocalRabbitMq;
  let system: TalkativeSystem<RunningServices>;
  let spy: BrokerSpy;
  beforeAll(async () => {
    broker = await temporaryRabbitMq({ log: silentLogger });
    system = await TalkativeSystem.open(
      (options) => startServices({ ...options, amqpUrl: broker.url }),
      () => ({ TIDEMARK_LEASE_SECONDS: '2' }),
    );
    spy = await BrokerSpy.open(system.it.services);
  });
  afterAll(async () => {
    await spy.close();
    await system.close();
    await broker.stop();
  });

  const text = (body: object): string => JSON.stringify(body);

  test('jobs that run, succeed and fail', () => expectJobsWithSecrets(system));

  test('jobs over HTTP, to a URL that was signed', () => expectSignedUrlsUsed(system));

  test('callers with wrong tokens and without the right to do what they ask for', () => expectCallersRefused(system));

  test('a job that is asked for over the queue', async () => {
    const answer = await spy.ask(text(system.backup({ destination: system.archive('queue') })), 'nightly');
    system.sightings.add('an answer over the queue', answer);
    const asked = JSON.parse(answer) as Job;
    expect(asked.request.bearer).toBe('***');
    const { text: ended } = await system.call('GET', `/core/management/jobs/${asked.id}/events`);
    expect(ended).toContain('"state":"SUCCEEDED"');
  });

  test.each(REFUSED)('a request that is refused for %s, by REST and over the queue', async (_what, body, code) => {
    const refused = body(system);
    expect((await system.request(refused)).code).toBe(code);
    const answer = await spy.ask(typeof refused === 'string' ? refused : text(refused), randomUUID());
    system.sightings.add('an answer over the queue', answer);
    expect(JSON.parse(answer)).toMatchObject({ code });
  });

  test('requests over the queue that nobody waits for and nobody can handle', async () => {
    const { bearer, signature } = system.canaries;
    const before = spy.seen.get('tidemark.dead')?.length ?? 0;
    const long = `"more":"${'x'.repeat(5000)}"`;
    await spy.tell(text(system.backup({ kind: 'Backup' })), { messageId: 'kind' });
    await spy.tell(text(system.backup()), { headers: { authorization: `Bearer ${bearer}` } });
    await spy.tell(text(system.backup({ destination: `${system.signedUrl}%zz` })), { messageId: 'broken' });
    await spy.tell(`{"bearer":"${bearer}",${long}`, { messageId: 'unparseable' });
    await spy.tell(`{"bearer":${bearer},"destination":"https://h/a?sig=${signature}",${long}}`, {
      messageId: 'quotes',
    });
    await spy.tell(`{'bearer':'${bearer}',${long}}`, { messageId: 'single' });
    await spy.tell(`bearer=${bearer}`, { messageId: 'form' });
    const letters = (await spy.messages('tidemark.dead', before + 7)).slice(before);
    expect(letters.map((letter) => letter.includes('***'))).toEqual(Array.from({ length: 7 }, () => true));
    const unparseable = letters.filter((letter) => letter.includes('xxx'));
    expect(unparseable).toHaveLength(3);
    for (const letter of unparseable) expect(letter.slice(letter.indexOf('} ') + 2)).toHaveLength(1024);
  });

  test.each(['indexServices', 'gateways', 'workers'] as const)('one of the %s dies under a job', async (kind) => {
    const [victim] = system.it[kind];
    const held = system.proxy.hold('tidemark-part');
    const client = system.it.client.as(system.canaries.operator);
    const { body } = await client.call<Job>('PATCH', '/core/management', { body: system.backup() });
    await held.reached;
    await victim?.kill();
    held.release();
    await victim?.start();
    const { text: ended } = await system.call('GET', `/core/management/jobs/${body.id}/events`);
    expect(ended).toContain('"state":"SUCCEEDED"');
  });

  test('a database that is away for a while', async () => {
    await system.whileDatabaseIsAway(async () => {
      expect((await system.request(system.backup())).code).toBe('DATABASE_UNAVAILABLE');
      for (const { url } of system.it.processes) await system.sightings.call(url, { path: '/core/health/ready' });
    });
    expect((await system.request(system.backup())).status).toBe(200);
  });

  test('figures, health and command lines of each', async () => {
    const { processes, internalUrls } = system.it;
    const { reader, worker } = system.canaries;
    const callers = [
      ...processes.map(({ url }) => [url, reader] as const),
      ...internalUrls.map((url) => [url, worker] as const),
    ];
    for (const [url, token] of callers) {
      const headers = { authorization: `Bearer ${token}` };
      for (const path of ['/core/metrics', '/core/health/live', '/core/health/ready']) {
        expect((await system.sightings.call(url, { path, headers })).status).toBe(200);
      }
    }
    for (const { pid } of processes) await system.sightings.commandLine(pid);
  });

  test('starts that fail', async () => {
    const { database: password, broker: brokerPassword, worker } = system.canaries;
    const { grantKeys, secretKey } = system.it.services;
    const starts: [app: AppName, settings: Record<string, string>, told: string][] = [
      ['index-service', { DATABASE_URL: `postgres://me:${password}@127.0.0.1:9/x` }, 'DATABASE_URL'],
      ['index-service', { TIDEMARK_GRANT_KEY: grantKeys.privateKey.slice(4) }, 'TIDEMARK_GRANT_KEY'],
      ['gateway', { DATABASE_URL: `postgres://me:${password}@[bad/x` }, 'DATABASE_URL'],
      ['gateway', { TIDEMARK_SECRET_KEY: `${secretKey}x` }, 'TIDEMARK_SECRET_KEY'],
      ['gateway', { AMQP_URL: `http://me:${brokerPassword}@127.0.0.1:9` }, 'AMQP_URL'],
      ['gateway', { TIDEMARK_WORKER_TOKENS: `${worker} x` }, 'TIDEMARK_WORKER_TOKENS'],
      ['transfer-worker', { TIDEMARK_WORKER_TOKEN: `${worker} x` }, 'TIDEMARK_WORKER_TOKEN'],
      ['transfer-worker', { AMQP_URL: `amqp://me:${brokerPassword}@[bad` }, 'AMQP_URL'],
    ];
    for (const [app, settings, told] of starts) {
      const log = await failedStart(app, settings);
      system.sightings.add(`a failed start of ${app}`, log);
      expect(log).toContain(told);
    }
  });

  test('a worker that the broker does not let in', async () => {
    const url = new URL(broker.url);
    url.password = system.canaries.broker;
    const worker = await new TestProcess({
      app: 'transfer-worker',
      settings: settingsOf('transfer-worker', { AMQP_URL: url.href }),
    }).start();
    for (;;) {
      const { status, text: said } = await system.sightings.call(worker.url, { path: '/core/health/ready' });
      if (/ACCESS.REFUSED/i.test(said)) {
        expect(status).toBe(503);
        break;
      }
    }
    await worker.stop();
    system.sightings.add('the log of a worker that is not let in', worker.log);
    expect(worker.log).toMatch(/ACCESS.REFUSED/i);
  });

  test('no secret was seen anywhere', async () => {
    const { services } = system.it;
    await stopAtRest(system.it, spy.bystander);
    await spy.everything();
    for (const [exchangeName, messages] of spy.seen) {
      expect([exchangeName, messages.length > 5]).toEqual([exchangeName, true]);
      // What stands on that exchange is what was asked for, as whoever asked wrote it.
      if (exchangeName === 'tidemark.requests') expect(messages).toHaveLength(spy.asked);
      else system.sightings.add(`the exchange ${exchangeName}`, messages.join('\n'));
    }
    for (const queue of WORK_QUEUES) expect([queue, await spy.lyingIn(queue)]).toEqual([queue, []]);
    const dead = await spy.lyingIn('tidemark.dead');
    expect(dead).toHaveLength(spy.seen.get('tidemark.dead')?.length ?? 0);
    system.sightings.add('the queue tidemark.dead', dead.join('\n'));

    await expectNoSecretSeen(system, {
      brokerOfOurOwn: new URL(broker.url).password,
      secretKey: services.secretKey,
      grantKey: services.grantKeys.privateKey.slice(-32),
      grant: Buffer.from('{"to":"ATTEMPT').toString('base64url'),
      ownGrant: Buffer.from('{"to":"GATEWAY').toString('base64url'),
    });
    for (const where of ['jobs.job at the end', 'GET /core/metrics', 'command line', '/events', 'catalog.index at']) {
      expect(system.sightings.at(where).length).toBeGreaterThan(20);
    }
  });

  /** What it would start with, but for what is given. */
  function settingsOf(app: AppName, given: Record<string, string>): Record<string, string> {
    const { services, home, internalUrls } = system.it;
    const half = app === 'gateway' ? services.grantKeys.privateKey : services.grantKeys.publicKey;
    return {
      TIDEMARK_LOG_LEVEL: 'trace',
      PORT: '0',
      DATABASE_URL: app === 'transfer-worker' ? '' : system.database.url,
      AMQP_URL: services.amqpUrl,
      TIDEMARK_QUEUE_PREFIX: services.queuePrefix,
      TIDEMARK_GRANT_KEY: half,
      TIDEMARK_SECRET_KEY: services.secretKey,
      TIDEMARK_INDEX_URL: 'http://127.0.0.1:9',
      TIDEMARK_INTERNAL_PORT: '0',
      TIDEMARK_GATEWAY_URL: internalUrls[0] ?? '',
      TIDEMARK_WORKER_TOKEN: system.canaries.worker,
      TIDEMARK_SPOOL: `${home}/spool-of-another`,
      ...given,
    };
  }

  async function failedStart(app: AppName, given: Record<string, string>): Promise<string> {
    const process = new TestProcess({ app, settings: settingsOf(app, given) });
    const refused = await process.start().catch((error: unknown) => error);
    if (refused instanceof NotReadyError) return refused.log;
    await process.kill();
    throw new Error(`${app} started`, { cause: refused });
  }
});
