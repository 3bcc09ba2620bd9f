import { Logger as NestsOwn } from '@nestjs/common';
import { expect, test } from '@jest/globals';

import { NestLogger } from './nest-logger.js';
import { recordingLogger, type LogLine } from './test-support.test.js';

test('what Nest says goes to our log, its chatter only for debugging', () => {
  const logged: LogLine[] = [];
  NestsOwn.overrideLogger(new NestLogger(recordingLogger(logged)));
  const nest = new NestsOwn('Router');
  const error = new Error('broken');
  nest.log('mapped');
  nest.warn('odd', { more: 1 });
  nest.error('failed', 'a stack');
  nest.error(error);
  expect(logged).toEqual([
    { level: 'debug', facts: { msg: 'mapped', context: 'Router' }, message: undefined },
    { level: 'warn', facts: { msg: 'odd', context: 'Router', more: [{ more: 1 }] }, message: undefined },
    { level: 'error', facts: { msg: 'failed', context: 'Router', more: ['a stack'] }, message: undefined },
    { level: 'error', facts: { err: error, context: 'Router' }, message: undefined },
  ]);
});

test('a failure to start is left to whoever catches it', () => {
  const logged: LogLine[] = [];
  NestsOwn.overrideLogger(new NestLogger(recordingLogger(logged)));
  new NestsOwn('ExceptionHandler').error(new Error('no database'));
  expect(logged).toEqual([]);
});
