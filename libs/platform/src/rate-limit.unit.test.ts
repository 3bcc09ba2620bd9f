import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { beforeEach, describe, expect, test } from '@jest/globals';

import { abortReason } from './abort.js';
import { PacedBytes } from './paced-bytes.js';
import { RateLimit } from './rate-limit.js';

/** Time that stands still until it is told to go on. */
class HandDriven {
  now = 0;
  waiting: { readonly at: number; readonly ring: () => void }[] = [];
  readonly clock = { nowMicros: () => 0, monotonicMillis: () => this.now };
  readonly wait = (millis: number, signal?: AbortSignal): Promise<void> =>
    new Promise((ring, reject) => {
      const one = { at: this.now + millis, ring };
      this.waiting.push(one);
      signal?.addEventListener('abort', () => {
        this.waiting = this.waiting.filter((other) => other !== one);
        reject(abortReason(signal));
      });
    });

  async goOn(millis: number): Promise<void> {
    for (const until = this.now + millis; ;) {
      await settled();
      const next = this.waiting.find(({ at }) => at <= until);
      this.now = Math.max(this.now, next?.at ?? until);
      if (!next) return;
      this.waiting = this.waiting.filter((other) => other !== next);
      next.ring();
    }
  }
}
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let time: HandDriven;
let limit: RateLimit;
let passed: string[];
beforeEach(() => {
  time = new HandDriven();
  limit = new RateLimit(1000, time);
  passed = [];
});

/** Takes, and writes down who and when. */
async function take(bytes: number, who = '', signal?: AbortSignal): Promise<void> {
  await limit.take(bytes, signal);
  passed.push(`${who}${time.now}`);
}

describe('a limit on bytes a second', () => {
  test('lets them pass in time, and no more than a tenth of a second’s worth at once', async () => {
    for (let n = 0; n < 4; n++) void take(100);
    await time.goOn(1000);
    expect(passed).toEqual(['0', '100', '200', '300']);
    await time.goOn(60_000);
    passed = [];
    for (let n = 0; n < 4; n++) void take(50);
    await time.goOn(1000);
    expect(passed).toEqual(['61000', '61000', '61050', '61100']);
  });

  test('lets a piece of any size pass when all of it is due', async () => {
    void take(5100);
    void take(10);
    await time.goOn(4999);
    expect(passed).toEqual([]);
    await time.goOn(11);
    expect(passed).toEqual(['5000', '5010']);
  });

  test('is one for all callers, each in its turn, and none waits in vain', async () => {
    for (const who of ['a', 'b', 'c', 'a', 'b', 'c']) void take(200, who);
    await time.goOn(10_000);
    expect(passed).toEqual(['a100', 'b300', 'c500', 'a700', 'b900', 'c1100']);
    expect(time.waiting).toEqual([]);
  });

  test('makes up for a timer that rang late', async () => {
    void take(200);
    await settled();
    time.now = 150;
    await time.goOn(0);
    void take(100);
    await time.goOn(1000);
    expect(passed).toEqual(['150', '200']);
  });

  test('is left at once by who waits no longer, whose bytes do not count', async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const given = [take(10_000, 'x', first.signal), take(10_000, 'y', second.signal)];
    void take(300, 'z');
    await time.goOn(500);
    second.abort(new Error('second'));
    await expect(given[1]).rejects.toThrow('second');
    first.abort(new Error('first'));
    await expect(given[0]).rejects.toThrow('first');
    await time.goOn(1000);
    expect(passed).toEqual(['z700']);
    await expect(take(1, '', AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
    expect(time.waiting).toEqual([]);
  });
});

describe('bytes that are paced', () => {
  const pieces = Array.from({ length: 5 }, (_, n) => Buffer.alloc(100, n));

  test('are the bytes that came, in time', async () => {
    const paced = Readable.from(pieces).pipe(new PacedBytes(limit));
    const all = buffer(paced).then((bytes) => ({ bytes, at: time.now }));
    await time.goOn(1000);
    expect(await all).toEqual({ bytes: Buffer.concat(pieces), at: 400 });
  });

  test('wait for nothing once they are not wanted', async () => {
    const paced = new PacedBytes(limit);
    const broken = pipeline(Readable.from(pieces), paced);
    await settled();
    paced.destroy(new Error('gone'));
    await expect(broken).rejects.toThrow('gone');
    await settled();
    expect(time.waiting).toEqual([]);
  });
});
