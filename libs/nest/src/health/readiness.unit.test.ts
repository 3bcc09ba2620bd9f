import { describe, expect, test } from '@jest/globals';
import { DatabaseUnavailableError } from '@tidemark/contracts';

import { recordingLogger, type LogLine } from '../test-support.test.js';
import { Readiness, type HealthCheck } from './readiness.js';

function readiness(checks: Record<string, HealthCheck>): { readiness: Readiness; logged: LogLine[] } {
  const logged: LogLine[] = [];
  return { readiness: new Readiness({ checks, log: recordingLogger(logged), limitMillis: 20 }), logged };
}

describe('readiness', () => {
  test('is given when no check finds a problem', async () => {
    const { readiness: all } = readiness({ database: () => [], broker: () => Promise.resolve([]) });
    expect(await all.report()).toEqual({ ready: true, problems: { database: [], broker: [] } });
  });

  test('says what is wrong, check by check, and nothing that is not for strangers', async () => {
    const { readiness: all } = readiness({
      database: () => Promise.reject(new DatabaseUnavailableError(new Error('password'))),
      broker: () => ['not connected', 'not subscribed to tidemark.reports'],
      spool: () => {
        throw new Error('/secret/path');
      },
      slow: () => new Promise(() => undefined),
      fine: () => [],
    });
    expect(await all.report()).toEqual({
      ready: false,
      problems: {
        database: ['the database cannot be reached or is shutting down'],
        broker: ['not connected', 'not subscribed to tidemark.reports'],
        spool: ['the check failed'],
        slow: ['no answer within 0.02 s'],
        fine: [],
      },
    });
  });

  test('aborts a check that is late', async () => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const slow: HealthCheck = (signal) =>
      new Promise(() => signal.addEventListener('abort', () => resolve(signal.aborted)));
    await readiness({ slow }).readiness.report();
    expect(await promise).toBe(true);
  });

  test('is looked at once at a time, however many ask', async () => {
    let runs = 0;
    const { readiness: all } = readiness({ counted: () => Promise.resolve(++runs > 5 ? ['too many'] : []) });
    await Promise.all(Array.from({ length: 50 }, () => all.report()));
    expect(runs).toBe(1);
    await all.report();
    expect(runs).toBe(2);
  });

  test('is logged when it changes', async () => {
    let problems: string[] = [];
    const { readiness: all, logged } = readiness({ changing: () => problems });
    for (const now of [[], [], ['a'], ['a'], ['b'], [], []]) {
      problems = now;
      await all.report();
    }
    expect(logged.map(({ level, message }) => [level, message])).toEqual([
      ['warn', 'not ready'],
      ['warn', 'not ready'],
      ['info', 'ready'],
    ]);
  });
});
