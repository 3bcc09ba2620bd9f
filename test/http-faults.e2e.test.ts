/** Faults that pass, met on the way to a destination: the job succeeds at its first attempt, as if there had been none. */
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { fingerprintOf, HTTP_FAULTS as FAULTS, type Answer, type Fault, type Job } from '@tidemark/testing';

import {
  AT,
  burst,
  CHUNK_BYTES,
  eitherOf,
  FaultyDestinations,
  met,
  type FaultyPlace,
  type Where,
} from './faulty-destinations.fixture.test.js';

jest.setTimeout(60_000); // each fault costs a pause, each stall its silence

/** A fault at a byte, and how often one request has it. */
type Kind = readonly [at: (byte: number) => Fault, times: number];

const reset: Kind = [FAULTS.resetInRequest, 1];
const stall: Kind = [FAULTS.stallInRequest, 1];
const unanswered: Kind = [FAULTS.resetForAnswer, 1];
const status = (code: number, times = 1): Kind => [() => FAULTS.status(code), times];
const badGateway: Kind = [() => FAULTS.html(502), 1];
const lostAnswer: Kind = [() => FAULTS.lostAnswer(502), 1];
const drip: Kind = [() => FAULTS.drip(16, 40), 1];

/**
 * Each row is a backup and a restore. The third and the sixth chunk meet the `chunks`; the first look at what is there
 * and the first part that is read back meet the `answers`, and in the restore the other way round.
 */
const ROWS: readonly { readonly chunks: readonly Kind[]; readonly answers: readonly [Kind, Kind] }[] = [
  { chunks: [[() => FAULTS.resetInRequest(0), 1], reset], answers: [reset, [FAULTS.resetInAnswer, 1]] },
  { chunks: [stall, [FAULTS.stallForAnswer, 1]], answers: [stall, [FAULTS.stallInAnswer, 1]] },
  { chunks: [unanswered], answers: [unanswered, [FAULTS.truncated, 1]] },
  { chunks: [status(408), status(429)], answers: [status(408), status(429)] },
  { chunks: [status(500), status(503, 3)], answers: [status(500), status(503)] },
  { chunks: [badGateway], answers: [badGateway, [() => FAULTS.shiftedRange(1), 1]] },
  { chunks: [lostAnswer], answers: [lostAnswer, [FAULTS.noRange, 1]] },
  { chunks: [[() => FAULTS.statusBeforeBody(503), 1]], answers: [drip, [FAULTS.shortened, 1]] },
];

let all: FaultyDestinations;
beforeAll(async () => {
  all = await FaultyDestinations.start();
});
afterAll(() => all.remove());
afterEach(async () => {
  all.expectSound();
  await all.expectNothingSpooled();
});

interface Hit {
  readonly where: Where;
  readonly fault: Fault;
  readonly times: number;
}

function hit(where: Where, [at, times]: Kind, byte: number): Hit {
  return { where, fault: at(byte), times };
}

/** The job succeeds at its first attempt, and has met every one of the faults. */
async function overcome(place: FaultyPlace, hits: readonly Hit[], work: () => Promise<Answer<Job>>): Promise<Job> {
  place.proxy.give(eitherOf(...hits.map(({ where, fault, times }) => burst(times, where, fault))));
  const { body } = await work();
  expect(body).toMatchObject({ state: 'SUCCEEDED', attempt: 1, attempts: [] });
  const given = hits.flatMap(({ fault, times }) => Array.from({ length: times }, () => fault.name));
  expect(met(place).sort()).toEqual(given.sort());
  return body;
}

const rows = ROWS.map((row) => {
  const names = [...row.chunks, ...row.answers].map(
    ([at, times]) => at(CHUNK_BYTES / 2).name + (times > 1 ? ` (${times})` : ''),
  );
  return [names.join(', '), row] as const;
});

describe.each(['depot', 'plain'] as const)('%s', (kind) => {
  test.each(rows)('%s', async (_, { chunks, answers: [first, second] }) => {
    const place = all[kind];
    const archived = await all.write('/kept/0');
    const sent = chunks.map((one, n) => hit(AT.chunk(2 + 3 * n), one, CHUNK_BYTES / 2));
    const readBack = [hit(AT.look, first, 1), hit(AT.part, second, 1000)];
    const job = await overcome(place, [...sent, ...readBack], () => all.it.client.backup(place.url));
    await all.expectProven(place, job, archived);

    await all.write('/lost/0');
    const reading = [hit(AT.look, second, 1), hit(AT.part, first, 1000)];
    await overcome(place, reading, () => all.it.client.restore(place.url));
    expect((await fingerprintOf(all.it)).hash).toBe(archived.hash);
  });

  test('that sends the whole for a range is asked again, or read once into the spool', async () => {
    const place = all[kind];
    const archived = await all.write('/kept/0');
    const whole: Kind = [FAULTS.wholeForRange, 2];
    const job = await overcome(place, [hit(AT.part, whole, 0)], () => all.it.client.backup(place.url));
    await all.expectProven(place, job, archived);
    await all.write('/lost/0');
    await overcome(place, [hit(AT.look, [FAULTS.wholeForRange, 1], 0)], () => all.it.client.restore(place.url));
    expect(place.proxy.seen.length).toBe(1);
    expect((await fingerprintOf(all.it)).hash).toBe(archived.hash);
  });

  test('that says how long to wait is asked again no earlier', async () => {
    const place = all[kind];
    const archived = await all.write('/kept/0');
    const soon = new Date(Date.now() + 3000);
    const dueMillis = performance.now() + Math.floor(soon.getTime() / 1000) * 1000 - Date.now();
    const hits = [
      hit(AT.chunk(2), [() => FAULTS.status(429, { 'retry-after': '1' }), 1], 0),
      hit(AT.part, [() => FAULTS.status(503, { 'retry-after': soon.toUTCString() }), 1], 0),
    ];
    const job = await overcome(place, hits, () => all.it.client.backup(place.url));
    const [chunk, again] = place.proxy.seen.filter(({ request }) => AT.chunk(2)(request));
    expect((again?.request.atMillis ?? 0) - (chunk?.request.atMillis ?? 0)).toBeGreaterThan(999);
    const [part, reread] = place.proxy.seen.filter(({ request }) => AT.part(request));
    expect(part?.fault).toMatch(/^503/);
    expect(reread?.request.atMillis).toBeGreaterThan(dueMillis - 1);
    await all.expectProven(place, job, archived);
  });
});
