import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { cutBytes, editedBytes, fuzz, outcomeOf, textOf } from '@tidemark/testing';

import { lineOf, row } from '../testing/rows.test.js';
import { MAX_LINE_BYTES } from '../format/limits.js';
import { RowCheck } from './row-check.js';
import { WholeLines } from './whole-lines.js';

const rows = [
  row(),
  row({ version: 1, kind: 'k\n', expiration: -5, body: '{"a":"\\t"}' }),
  row({ stamp: 2 ** 53 - 1 }),
];
const lines = [rows.map(lineOf).join(''), lineOf(rows[1]!)].map((text) => Buffer.from(text));
const tokens = [
  '/a',
  '\t',
  '\n',
  '0',
  '1',
  'PUT',
  'DELETE',
  '\\N',
  '{}',
  '{',
  '}',
  '\\.',
  '-',
  '\r',
  '/a\t0\t1\tPUT\t\\N\t\\N\t{}\n',
];
const inputs = fc.oneof(
  editedBytes(
    lines,
    tokens.map((token) => Buffer.from(token)),
  ),
  textOf(tokens).map((text) => Buffer.from(text)),
);

test('rows that are let through are seven columns each, any other have their code', async () => {
  await fuzz('rows', cutBytes(inputs), async (chunks) => {
    const passed: Buffer[] = [];
    const check = new RowCheck('the part');
    const whole = new WholeLines();
    const outcome = await outcomeOf(() => {
      for (const chunk of chunks) {
        for (const { block, pieces } of whole.add(chunk)) {
          check.check(block);
          passed.push(...pieces);
        }
      }
      check.check(whole.rest());
    });
    const bytes = Buffer.concat(passed);
    if ('code' in outcome) expect(outcome.code).toBe('ARCHIVE_DAMAGED');
    else expect(bytes.equals(Buffer.concat(chunks))).toBe(true);
    expectRows(bytes);
    if (!('code' in outcome)) expect(check.rows).toBe(bytes.filter((byte) => byte === 0x0a).length);
    return outcome;
  });
});

/** Slowly, and by the rules as they are written in FORMAT.md. */
function expectRows(bytes: Buffer): void {
  const text = bytes.toString('latin1');
  expect(text === '' || text.endsWith('\n')).toBe(true);
  expect(text).not.toContain('\r');
  for (const line of text.split('\n').slice(0, -1)) {
    expect(line.length).toBeLessThan(MAX_LINE_BYTES);
    const [link = '', version, stamp, action = '', , expiration = '', body = '', ...more] = line.split('\t');
    expect(more).toEqual([]);
    expect(link.startsWith('/')).toBe(true);
    for (const number of [version, stamp])
      expect(Number.isSafeInteger(Number(number)) && /^[0-9]+$/.test(number ?? '')).toBe(true);
    expect(['POST', 'PUT', 'PATCH', 'DELETE']).toContain(action);
    expect(expiration).toMatch(/^(\\N|-?[0-9]+)$/);
    expect(body).toMatch(/^\{.*\}$/s);
  }
}
