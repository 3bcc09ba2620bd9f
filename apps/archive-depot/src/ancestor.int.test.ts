import { randomBytes } from 'node:crypto';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { ANCESTOR_AGENT, ANCESTOR_CHUNK_BYTES as CHUNK, AncestorClient } from '@tidemark/testing';

import { isSame, TestDepot } from './depot.fixture.test.js';

const PATH = '/archives/ok/a.zip';

let depot: TestDepot;
let client: AncestorClient;
beforeEach(async () => {
  depot = await TestDepot.start();
  client = new AncestorClient(depot.url);
});
afterEach(() => depot.close());

describe('the ancestor', () => {
  test.each([22_951_939, 12 * CHUNK, CHUNK + 1, CHUNK, 1])('stores %d bytes and has them back', async (bytes) => {
    const whole = randomBytes(bytes);
    const answers = await client.upload(PATH, whole);
    for (const { status, body } of answers) expect([status < 300, body.length]).toEqual([true, 0]);
    expect(answers.filter(({ status }) => status === 201).length).toBeGreaterThan(0);
    expect(isSame(await depot.content('ok/a.zip'), whole)).toBe(true);
    expect(isSame(await client.download(PATH), whole)).toBe(true);
    expect(await depot.leftovers()).toEqual([]);
  });

  test('replaces an archive by a shorter one, which has no tail of the old one', async () => {
    const whole = randomBytes(3 * CHUNK);
    await client.upload(PATH, whole);
    await client.upload(PATH, whole.subarray(0, 2 * CHUNK - 1));
    expect(isSame(await client.download(PATH), whole.subarray(0, 2 * CHUNK - 1))).toBe(true);
  });

  test('asks behind the end, and for an archive that is not there', async () => {
    await client.upload(PATH, randomBytes(100));
    expect((await client.ask(PATH, 100)).status).toBe(416);
    await depot.call('ok/a.zip', { method: 'DELETE' });
    expect((await client.ask(PATH, 0)).status).toBe(404);
  });

  test('gets all of it where it names no range', async () => {
    const whole = randomBytes(1000);
    await client.upload(PATH, whole);
    const { status, headers, body } = await depot.call('ok/a.zip', { headers: { 'user-agent': ANCESTOR_AGENT } });
    expect([status, headers['content-range'], body]).toEqual([200, undefined, whole]);
  });
});
