import { expect, test } from '@jest/globals';

import { Slots } from './slots.js';

/** Work that ends when it is told to. */
function work(): { run: () => Promise<number>; end: (result: number) => void; started: boolean } {
  const { promise, resolve } = Promise.withResolvers<number>();
  const one = {
    started: false,
    end: resolve,
    run: () => {
      one.started = true;
      return promise;
    },
  };
  return one;
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('no more run at once than there are slots, in the order they came', async () => {
  const slots = new Slots(2);
  const all = [work(), work(), work(), work()];
  const results = all.map(({ run }) => slots.run(run));
  await turn();
  expect(all.map(({ started }) => started)).toEqual([true, true, false, false]);
  all[1]!.end(1);
  await turn();
  expect(all.map(({ started }) => started)).toEqual([true, true, true, false]);
  for (const [n, one] of all.entries()) one.end(n);
  expect(await Promise.all(results)).toEqual([0, 1, 2, 3]);
});

test('work that fails gives its slot back', async () => {
  const slots = new Slots(1);
  await expect(slots.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await slots.run(() => Promise.resolve(1))).toBe(1);
});

test('who waits no longer takes no slot', async () => {
  const slots = new Slots(1);
  const first = work();
  const running = slots.run(first.run);
  const waiting = new AbortController();
  const given = slots.run(() => Promise.resolve(2), waiting.signal);
  waiting.abort(new Error('gone'));
  await expect(given).rejects.toThrow('gone');
  await expect(slots.run(() => Promise.resolve(3), AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
  first.end(1);
  expect(await running).toBe(1);
  expect(await slots.run(() => Promise.resolve(4))).toBe(4);
});
