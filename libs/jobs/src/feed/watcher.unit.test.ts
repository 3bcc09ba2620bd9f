import { describe, expect, test } from '@jest/globals';

import { Watcher } from './watcher.js';

describe('a watcher', () => {
  const never = new AbortController().signal;

  test('has news at once, and then only when it is told', async () => {
    const watcher = new Watcher();
    expect(await watcher.news(never)).toBe(true);
    const news = watcher.news(never);
    watcher.tell(1);
    expect(await news).toBe(true);
  });

  test('keeps one piece of news however often it is told', async () => {
    const watcher = new Watcher();
    await watcher.news(never);
    for (let revision = 1; revision <= 1000; revision++) watcher.tell(revision);
    expect(await watcher.news(never)).toBe(true);
    const over = new AbortController();
    const news = watcher.news(over.signal);
    over.abort();
    expect(await news).toBe(false);
  });

  test('does not care for what it has seen', async () => {
    const watcher = new Watcher();
    await watcher.news(never);
    watcher.seenRevision = 7;
    watcher.tell(7);
    const over = new AbortController();
    const news = watcher.news(over.signal);
    over.abort();
    expect(await news).toBe(false);
  });

  test('looks again when it is not known what it missed', async () => {
    const watcher = new Watcher();
    await watcher.news(never);
    watcher.seenRevision = 7;
    watcher.tell();
    expect(await watcher.news(never)).toBe(true);
  });

  test('has no news after the end', async () => {
    expect(await new Watcher().news(AbortSignal.abort())).toBe(false);
  });
});
