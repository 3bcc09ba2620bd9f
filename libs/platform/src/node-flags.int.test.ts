import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { expect, jest, test } from '@jest/globals';

import { SERVICE_NODE_FLAGS } from './node-flags.js';

jest.setTimeout(60_000); // a process each time

const ENDS = 20;
const LONGEST_MILLIS = 5_000;
/** Ends while hundreds of functions that have just become hot are being compiled, and memory is short. */
const HOT = `
  const functions = Array.from({ length: 400 }, (_, n) => (0, eval)(
    '(function f' + n + '(a) { let s = ' + n + '; const o = { x: a, y: s };' +
    ' for (let k = 0; k < a.length; k++) { s = (s * 31 + a[k]) | 0; o.x = s;' +
    ' if (s & 1) o.y += s; else o.y = [s, o.y].length; } return s + o.y; })'));
  const kept = [];
  const numbers = Array.from({ length: 60 }, (_, n) => n);
  for (let round = 0; round < 20; round++) {
    for (const each of functions) each(numbers);
    kept.push(new Array(20000).fill({ round }));
  }
  process.exit(0);
`;

test('a process with the flags of every service ends when it has been told to', async () => {
  const ends: unknown[] = [];
  for (let n = 0; n < ENDS; n++) {
    const child = spawn(process.execPath, [...SERVICE_NODE_FLAGS, '-e', HOT], {
      stdio: 'ignore',
      timeout: LONGEST_MILLIS,
      killSignal: 'SIGKILL',
    });
    ends.push((await once(child, 'close'))[0]);
  }
  expect(ends).toEqual(Array.from({ length: ENDS }, () => 0));
});
