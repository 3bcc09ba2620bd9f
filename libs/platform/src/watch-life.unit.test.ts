import { once } from 'node:events';

import { describe, expect, test } from '@jest/globals';

import { sleep } from './abort.js';
import { watchLife } from './watch-life.js';

describe('a watch over signs of life', () => {
  test('finds silence where an answer does not come in time', async () => {
    let asked = 0;
    const ask = (signal: AbortSignal): Promise<unknown> => (++asked < 3 ? Promise.resolve() : sleep(60_000, signal));
    const { signal } = watchLife(ask, { everyMillis: 10 });
    await once(signal, 'abort');
    expect(asked).toBe(3);
    expect(signal.reason).toMatchObject({ name: 'TimeoutError' });
  });

  test('finds silence where there is nobody to ask', async () => {
    const { signal } = watchLife(() => Promise.reject(new Error('nobody')), { everyMillis: 1 });
    await once(signal, 'abort');
    expect(signal.reason).toEqual(new Error('nobody'));
  });

  test('takes every answer for silence after the limit', async () => {
    let asked = 0;
    const { signal } = watchLife(() => Promise.resolve(++asked), { everyMillis: 5, limitMillis: 20 });
    await once(signal, 'abort');
    expect(asked).toBe(4);
  });

  test('that has ended finds nothing, and breaks off what it asks', async () => {
    const asked = Promise.withResolvers<AbortSignal>();
    const ask = (signal: AbortSignal): Promise<unknown> => {
      asked.resolve(signal);
      return sleep(60_000, signal);
    };
    const watch = watchLife(ask, { everyMillis: 200 });
    const told = await asked.promise;
    watch.end();
    expect(told.aborted).toBe(true);
    expect(watch.signal.aborted).toBe(false);
  });
});
