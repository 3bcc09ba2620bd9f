import { describe, expect, test } from '@jest/globals';
import { DatabaseUnavailableError } from '@tidemark/contracts';
import { ConfigError } from '@tidemark/platform';

import { PortInUseError } from '../http/listen.js';
import { recordingLogger, type LogLine } from '../test-support.test.js';
import { runUntilSignalled, type OnStop } from './run-until-signalled.js';

/** A process that is signalled by the test and notes with which code it would have ended. */
function life(start: (onStop: OnStop) => Promise<unknown>, graceSeconds = 5) {
  const listeners = new Map<string, () => void>();
  const told: string[] = [];
  const logged: LogLine[] = [];
  const exited = Promise.withResolvers<number>();
  const host = {
    on: (signal: string, listener: () => void) => listeners.set(signal, listener),
    exit: (code: number) => exited.resolve(code),
    stderr: { write: (text: string) => told.push(text) },
  };
  void runUntilSignalled({ service: 'gateway', start, graceSeconds, log: recordingLogger(logged), host });
  return { exited: exited.promise, told, logged, signal: (name: 'SIGTERM' | 'SIGINT') => listeners.get(name)?.() };
}

const noted = (steps: string[], onStop: OnStop, name: string): void =>
  onStop(name, () => Promise.resolve(steps.push(name)));

describe('a process', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('stops on %s in the reverse order of starting, with 0', async (signal) => {
    const steps: string[] = [];
    const running = life((onStop) => {
      for (const name of ['database', 'queues', 'http']) noted(steps, onStop, name);
      return Promise.resolve();
    });
    running.signal(signal);
    expect(await running.exited).toBe(0);
    expect(steps).toEqual(['http', 'queues', 'database']);
    expect(running.logged).toMatchObject([{ level: 'info', facts: { signal } }]);
  });

  test('that is signalled while it starts stops what it has started', async () => {
    const steps: string[] = [];
    const starting = Promise.withResolvers<unknown>();
    const running = life(async (onStop) => {
      noted(steps, onStop, 'database');
      await starting.promise;
      noted(steps, onStop, 'http');
    });
    running.signal('SIGTERM');
    starting.resolve(undefined);
    expect(await running.exited).toBe(0);
    expect(steps).toEqual(['http', 'database']);
  });

  test('ends at once on the second signal', async () => {
    const running = life((onStop) => {
      onStop('stuck', () => new Promise(() => undefined));
      return Promise.resolve();
    }, 0.05);
    running.signal('SIGTERM');
    running.signal('SIGINT');
    expect(await running.exited).toBe(130);
  });

  test('that does not stop within its grace says what is left, and ends with 1', async () => {
    const running = life((onStop) => {
      onStop('database', () => Promise.resolve());
      onStop('stuck', () => new Promise(() => undefined));
      return Promise.resolve();
    }, 0.01);
    running.signal('SIGTERM');
    expect(await running.exited).toBe(1);
    expect(running.logged.at(-1)).toMatchObject({ level: 'error', facts: { steps: ['stuck', 'database'] } });
  });

  test('of which one step fails to stop still stops the others, and ends with 1', async () => {
    const steps: string[] = [];
    const running = life((onStop) => {
      noted(steps, onStop, 'database');
      onStop('http', () => Promise.reject(new Error('stuck')));
      return Promise.resolve();
    });
    running.signal('SIGTERM');
    expect(await running.exited).toBe(1);
    expect(steps).toEqual(['database']);
    expect(running.logged.at(-1)).toMatchObject({ level: 'error', facts: { step: 'http' } });
  });
});

describe('a start that fails', () => {
  const denied = Object.assign(new Error('listen EACCES: permission denied 127.0.0.1:80'), { syscall: 'listen' });

  test.each([
    ['gateway: port 8000 is in use; start with PORT=8001\n', new PortInUseError(8000, 'PORT', undefined)],
    ['gateway: PORT: must be a port number\n', new ConfigError('PORT: must be a port number')],
    ['gateway: the database cannot be reached or is shutting down\n', new DatabaseUnavailableError(undefined)],
    ['gateway: listen EACCES: permission denied 127.0.0.1:80\n', denied],
  ])('is told in one line: %j', async (line, error) => {
    const running = life(() => Promise.reject(error));
    expect(await running.exited).toBe(1);
    expect(running.told).toEqual([line]);
    expect(running.logged).toEqual([]);
  });

  test('for reasons that nobody foresaw is logged with its stack', async () => {
    const error = new TypeError('x is not a function');
    const running = life(() => Promise.reject(error));
    expect(await running.exited).toBe(1);
    expect(running.told).toEqual([]);
    expect(running.logged).toMatchObject([{ level: 'fatal', facts: { err: error } }]);
  });

  test('stops what had been started', async () => {
    const steps: string[] = [];
    const running = life((onStop) => {
      noted(steps, onStop, 'database');
      return Promise.reject(new ConfigError('no'));
    });
    expect(await running.exited).toBe(1);
    expect(steps).toEqual(['database']);
  });
});
