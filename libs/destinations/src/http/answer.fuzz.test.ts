import { Readable } from 'node:stream';

import { expect, test } from '@jest/globals';
import { AxiosHeaders, type AxiosResponse } from 'axios';
import fc from 'fast-check';

import type { TidemarkError } from '@tidemark/contracts';
import { fuzz, outcomeOf, textOf } from '@tidemark/testing';

import { HttpAnswer } from './answer.js';
import { contentRange, parseContentRange, parseUnsatisfiedRange } from './content-range.js';
import { FailedRequest } from './failures.js';
import { judgeAnswer } from './ranged-get.js';
import { retryAfterMillis } from './retry-after.js';
import { Waiting } from './waiting.js';

const NONE = { code: 'PARAMETER_INVALID' } as const;
const pieces = [
  'bytes ',
  'bytes=',
  'Bytes',
  ' ',
  '-',
  '/',
  '*',
  '0',
  '1',
  '9007199254740991',
  '0-1/2',
  '5-9/',
  'bytes 0-1/2',
];
const date = fc.date({ noInvalidDate: true }).map((each) => each.toUTCString());

test('a range that an answer tells is in whole numbers and not turned round', async () => {
  await fuzz('content-range of an answer', textOf(pieces, 8), async (header) => {
    await Promise.resolve();
    const size = parseUnsatisfiedRange(header);
    if (size !== undefined) expect(Number.isSafeInteger(size) && size >= 0).toBe(true);
    const range = parseContentRange(header);
    if (range === undefined) return NONE;
    const { start, end, total } = range;
    expect([start, end, total ?? 0].filter((each) => !Number.isSafeInteger(each) || each < 0)).toEqual([]);
    expect(start).toBeLessThanOrEqual(end);
    if (total !== undefined && end < Number.MAX_SAFE_INTEGER) {
      expect(parseContentRange(contentRange(start, end + 1, total))).toEqual(range);
    }
    return { value: range };
  });
});

test('a wait that a server asks for is none or a number of milliseconds', async () => {
  const texts = fc.oneof(date, textOf(['1', '-', 'Mon, ', '01 Jan 2030 00:00:00 GMT', ' ', 'Infinity', '1e9']));
  await fuzz('retry-after', texts, async (header) => {
    await Promise.resolve();
    const millis = retryAfterMillis(header);
    if (millis === undefined) return NONE;
    expect(millis >= 0 && millis < Infinity).toBe(true);
    return { value: millis };
  });
});

const answers = fc.record({
  status: fc.oneof(fc.constantFrom(200, 206, 206, 206, 416, 302, 404, 503), fc.integer({ min: 100, max: 599 })),
  headers: fc.record(
    {
      'content-range': textOf(pieces, 8),
      'content-length': textOf(['0', '1', '-', '+', '9'.repeat(15)], 4),
      'content-encoding': fc.constantFrom('identity', 'gzip', 'x'.repeat(9000), ''),
      'retry-after': textOf(['1', 'Mon, ', '-'], 4),
    },
    { requiredKeys: [] },
  ),
});

test('an answer to a ranged GET is a range, the whole, or a failure with a code', async () => {
  await fuzz('answer', answers, async ({ status, headers }) => {
    const answer = answerOf(status, headers);
    expect(answer.length ?? 0).toBeLessThan(1e15);
    const outcome = await outcomeOf(() => withCode(() => judgeAnswer(answer, 'https://host/a.zip')));
    if ('code' in outcome || outcome.value === 'WHOLE') return outcome;
    expect(status >= 200 && status < 300).toBe(true);
    expect(outcome.value.start).toBeLessThanOrEqual(outcome.value.end);
    return outcome;
  });
});

function answerOf(status: number, headers: Record<string, string>): HttpAnswer {
  const response = { status, headers: new AxiosHeaders(headers), data: Readable.from([]) };
  return new HttpAnswer(response as AxiosResponse<Readable>, {
    target: { display: 'https://host/a.zip', doing: 'READING' },
    waiting: new Waiting({ connectMillis: 1, silenceMillis: 1, requestMillis: 1 }),
    signal: new AbortController().signal,
    sent: undefined,
  });
}

function withCode<V>(judge: () => V): V {
  try {
    return judge();
  } catch (error) {
    throw error instanceof FailedRequest ? checked(error.coded) : error;
  }
}

function checked(error: TidemarkError): TidemarkError {
  expect(error.message.length).toBeLessThan(400);
  return error;
}
