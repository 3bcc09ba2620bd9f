import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { expect, jest, test } from '@jest/globals';

import { SERVICE_NODE_FLAGS } from './node-flags.js';

jest.setTimeout(60_000); // a process each time

const ENDS = 10;
const LONGEST_MILLIS = 10_000;

/** Programs that end while functions are being compiled, and memory is short. */
const PROGRAMS = {
  'hundreds of functions that have just become hot': `
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
  `,
  'thousands of functions that have just become warm': `
    const body = Array.from({ length: 30 }, (_, n) =>
      'if (a[' + n % 7 + '] > ' + n + ') s += o.x' + n % 5 + ' ?? a.length; else s ^= ' + n + ';').join(' ');
    const functions = Array.from({ length: 2000 }, (_, n) =>
      (0, eval)('(function g' + n + '(a, o) { let s = ' + n + '; ' + body + ' return s; })'));
    const kept = [];
    const [numbers, object] = [[1, 2, 3, 4, 5, 6, 7], { x0: 1, x1: 2, x2: 3, x3: 4, x4: 5 }];
    let calls = 0;
    for (let round = 0; round < 10; round++) {
      for (const each of functions) {
        each(numbers, object);
        if (++calls % 50 === 0) kept.push(Array.from({ length: 2000 }, (_, i) => ({ i })));
      }
    }
    process.exit(0);
  `,
};

test.each(Object.entries(PROGRAMS))('a process with the flags of every service ends: %s', async (_name, program) => {
  const ends: unknown[] = [];
  for (let n = 0; n < ENDS; n++) {
    const child = spawn(process.execPath, [...SERVICE_NODE_FLAGS, '-e', program], {
      stdio: 'ignore',
      timeout: LONGEST_MILLIS,
      killSignal: 'SIGKILL',
    });
    ends.push((await once(child, 'close'))[0]);
  }
  expect(ends).toEqual(Array.from({ length: ENDS }, () => 0));
});
