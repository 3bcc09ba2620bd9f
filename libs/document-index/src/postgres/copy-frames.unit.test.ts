import { describe, expect, test } from '@jest/globals';

import { CopyFrames } from './copy-frames.js';

function message(code: string, content: Buffer | string = ''): Buffer {
  const bytes = Buffer.from(content);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length + 4);
  return Buffer.concat([Buffer.from(code), length, bytes]);
}

const ROWS = ['/a\t0\t1\n', '', '/b\t0\t2\n', 'x'.repeat(300), '\n'];
const ROW_MESSAGES = ROWS.map((row) => message('d', row));
const START = message('H', Buffer.from('00000700000000000000000000000000000000', 'hex'));
const END = Buffer.concat([message('C', 'COPY 5\0'), message('Z', 'I')]);

/** Everything that comes out of a text cut where it is told. */
function stripped(bytes: Buffer, cuts: readonly number[]): { rows: string; rest: Buffer | undefined } {
  const frames = new CopyFrames();
  let rows = '';
  let rest: Buffer | undefined;
  const ends = [...cuts, bytes.length];
  for (const [index, end] of ends.entries()) {
    const chunk = Buffer.from(bytes.subarray(ends[index - 1] ?? 0, end));
    if (rest) {
      rest = Buffer.concat([rest, chunk]);
      continue;
    }
    const found = frames.strip(chunk);
    rows += found.rows.toString();
    rest = found.rest && Buffer.from(found.rest);
  }
  return { rows, rest };
}

describe('CopyFrames', () => {
  const whole = Buffer.concat([START, ...ROW_MESSAGES, message('c'), END]);

  test('finds the rows and what comes behind them, wherever a chunk ends', () => {
    for (let cut = 0; cut <= whole.length; cut++) {
      expect(stripped(whole, [cut])).toEqual({ rows: ROWS.join(''), rest: END });
    }
    expect(
      stripped(
        whole,
        Array.from({ length: whole.length }, (_, at) => at),
      ),
    ).toEqual({
      rows: ROWS.join(''),
      rest: END,
    });
  });

  test('passes over what a server may say in between', () => {
    const between = [message('N', 'a notice'), message('S', 'TimeZone\0UTC\0'), message('A', 'told')];
    const bytes = Buffer.concat([START, ...ROW_MESSAGES.flatMap((row) => [row, ...between]), message('c'), END]);
    for (let cut = 0; cut <= bytes.length; cut += 7) {
      expect(stripped(bytes, [cut]).rows).toBe(ROWS.join(''));
    }
  });

  test('gives an error back whole, wherever it is cut', () => {
    const error = Buffer.concat([message('E', 'SERROR\0C22012\0\0'), message('Z', 'I')]);
    const bytes = Buffer.concat([START, ...ROW_MESSAGES, error]);
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(stripped(bytes, [cut])).toEqual({ rows: ROWS.join(''), rest: error });
    }
  });

  test('the rows lie in the memory that they came in', () => {
    const chunk = Buffer.concat([START, ...ROW_MESSAGES]);
    const { rows } = new CopyFrames().strip(chunk);
    expect(rows.buffer).toBe(chunk.buffer);
  });
});
