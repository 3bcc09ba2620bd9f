import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { brokerIsThere, openHand, startServices, type Hand, type Job, type RunningServices } from '@tidemark/testing';

import { BrokerSpy } from './broker-spy.fixture.test.js';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** What docs/queue.md tells a person to type, typed: each command asks for a backup, and it is made. */
const whereItIs = brokerIsThere() ? describe : describe.skip;
const ROOT = resolve(import.meta.dirname, '..');

whereItIs('docs/queue.md', () => {
  let it: RunningServices;
  let spy: BrokerSpy;
  const hands: Hand[] = [];
  let commands: string[];
  beforeAll(async () => {
    it = await startServices();
    spy = await BrokerSpy.open(it.services);
    for (const onlyStandIns of [false, true]) hands.push(await openHand({ onlyStandIns }));
    const blocks = (await readFile(resolve(ROOT, 'docs/queue.md'), 'utf8')).matchAll(/^```sh\n([^]*?)^```/gm);
    commands = [...blocks].flatMap(([, block = '']) => block.split(/^(?=AMQP_URL=|amqp-publish |rabbitmqadmin )/m));
  });
  afterAll(async () => {
    for (const hand of hands) await hand.remove();
    await spy.close();
    await it.remove();
  });

  /** Typed in the folder of the project, with the queues and the folder of this system, and an id of its own for the message. */
  async function type(start: string, { messageId, onlyStandIns = false }: Typed): Promise<string> {
    const command = commands.find((candidate) => candidate.startsWith(start)) ?? '';
    const { amqpUrl, queuePrefix } = it.services;
    expect(command).toContain('nightly-$(date +%F)');
    const here = command
      .replaceAll(/(?<==)tidemark\.requests|(?<=-e )tidemark\.requests/g, `${queuePrefix}.requests`)
      .replaceAll('amqp://guest:guest@127.0.0.1:5672', amqpUrl)
      .replaceAll('/var/backup', it.archives)
      .replaceAll('nightly-', `${messageId}-`);
    const settings = `export TIDEMARK_QUEUE_PREFIX='${queuePrefix}' AMQP_URL='${amqpUrl}'`;
    return (await hands[Number(onlyStandIns)]?.type(`cd '${ROOT}'; ${settings}; ${here}`)) ?? '';
  }

  test('the example for Node asks, waits for the end, and tells it; run again it is the same job', async () => {
    const said = await type('AMQP_URL=', { messageId: 'node' });
    const [, id = ''] = /^job (\S+) is (?:QUEUED|RUNNING|FINISHING|SUCCEEDED)\n/.exec(said) ?? [];
    expect(said).toContain(`\njob ${id} has ended: SUCCEEDED {`);
    expect(await it.client.job(id)).toMatchObject({ state: 'SUCCEEDED', result: { verified: 'EVERY_PART' } });
    const again = await type('AMQP_URL=', { messageId: 'node' });
    expect(again).toMatch(new RegExp(`^job ${id} is SUCCEEDED\njob ${id} has ended: SUCCEEDED `));
  });

  test('the example for Node tells what is wrong with a request, and ends with 1', async () => {
    commands.push((commands[0] ?? '').replace('AMQP_URL=', 'true; AMQP_URL=').replace('/var/backup', '/etc'));
    await expect(type('true; ', { messageId: 'refused' })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^refused: DESTINATION_NOT_ALLOWED: /),
    });
  });

  test.each([
    ['amqp-publish', false],
    ['amqp-publish', true],
    // The real one wants the broker's management plugin.
    ['rabbitmqadmin', true],
  ])('%s (as a stand-in: %s): the job is made, and its end is heard of', async (tool, onlyStandIns) => {
    const before = spy.seen.get('tidemark.events')?.length ?? 0;
    await type(tool, { messageId: `${tool}-${onlyStandIns}`, onlyStandIns });
    const [event = ''] = (await spy.messages('tidemark.events', before + 1)).slice(before);
    const job = JSON.parse(event.slice(event.indexOf(' {') + 1)) as Job;
    expect(job).toMatchObject({ state: 'SUCCEEDED', request: { destination: `file:${it.archives}/nightly.zip` } });
    expect(event).toContain('"routingKey":"job.backup.succeeded"');
  });
});

interface Typed {
  readonly messageId: string;
  readonly onlyStandIns?: boolean;
}
