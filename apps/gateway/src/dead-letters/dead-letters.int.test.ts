import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BACKUP_KIND, deadLetterListSchema, deadLetterSchema, type DeadLetterList } from '@tidemark/contracts';

import { errorOf, GatewayFixture, type Answered } from '../gateway.fixture.test.js';

const PATH = '/core/management/dead-letters';

let fixture: GatewayFixture;
beforeAll(async () => {
  fixture = await GatewayFixture.open();
});
afterAll(() => fixture.close());

async function list(query = ''): Promise<DeadLetterList> {
  const answer = await fixture.ask({ path: `${PATH}${query}` });
  expect(answer.status).toBe(200);
  return deadLetterListSchema.strict().parse(JSON.parse(answer.text));
}

const replay = (id: string): Promise<Answered> => fixture.ask({ method: 'POST', path: `${PATH}/${id}/replay` });

/** Sends a request that nobody can handle, and waits until it is a dead letter. */
async function bury(body: object, messageId: string = randomUUID()): Promise<void> {
  const { count } = await list();
  await fixture.outside.publish('request', JSON.stringify(body), { messageId });
  await fixture.broker.drained('tidemark.requests', 10_000);
  expect((await list()).count).toBe(count + 1);
}

describe('dead letters', () => {
  test('are listed with what they say, the oldest first and as many as asked for', async () => {
    expect(await list()).toEqual({ deadLetters: [], count: 0 });
    await bury({ kind: 'Backup' }, 'm-1');
    await bury({ kind: 'Backup', bearer: 's3cret' }, 'm-2');
    const { deadLetters, count } = await list();
    expect(count).toBe(2);
    expect(deadLetters).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        queue: 'tidemark.requests',
        route: 'request',
        reason: 'unknown request',
        diedAtMicros: expect.any(Number),
        messageId: 'm-1',
        body: '{"kind":"Backup"}',
        replayable: true,
        obstacle: null,
      },
      expect.objectContaining({
        messageId: 'm-2',
        body: '{"kind":"Backup","bearer":"***"}',
        replayable: false,
        obstacle: 'its secrets were masked when it died',
      }),
    ]);
    expect(await list('?$limit=1')).toEqual({ deadLetters: deadLetters.slice(0, 1), count: 2 });
  });

  test.each(['0', '1001', 'x', '1&$limit=2'])('a limit of %s is none', async (limit) => {
    const error = errorOf(await fixture.ask({ path: `${PATH}?$limit=${limit}` }));
    expect(error).toMatchObject({ code: 'PARAMETER_INVALID', statusCode: 400 });
  });
});

describe('a replay', () => {
  test('answers with the letter and gives the message to who handles it', async () => {
    await bury({ kind: BACKUP_KIND, destination: 'file:/etc/a.zip' }, 'wrong');
    const [letter] = (await list()).deadLetters.filter(({ messageId }) => messageId === 'wrong');
    const answer = await replay(letter!.id);
    expect(answer.status).toBe(202);
    expect(deadLetterSchema.strict().parse(JSON.parse(answer.text))).toEqual(letter);
    await fixture.broker.drained('tidemark.requests', 10_000);
    const [again] = (await list()).deadLetters.filter(({ messageId }) => messageId === 'wrong');
    expect(again).toMatchObject({ reason: letter!.reason, body: letter!.body });
    expect(again!.id).not.toBe(letter!.id);
    expect(errorOf(await replay(letter!.id))).toMatchObject({ code: 'NOT_FOUND', statusCode: 404 });
  });

  test('of what was masked is refused, with the reason', async () => {
    await bury({ kind: 'Backup', bearer: 's3cret' }, 'masked');
    const [letter] = (await list()).deadLetters.filter(({ messageId }) => messageId === 'masked');
    expect(errorOf(await replay(letter!.id))).toMatchObject({
      statusCode: 409,
      message: `the dead letter ${letter!.id} cannot be replayed: its secrets were masked when it died`,
      details: { id: letter!.id },
    });
    expect((await list()).deadLetters).toContainEqual(letter);
  });

  test('of what is not there is not found', async () => {
    expect(errorOf(await replay('nobody'))).toMatchObject({
      code: 'NOT_FOUND',
      message: 'dead letter nobody not found',
    });
  });
});
