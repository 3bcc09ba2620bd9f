import { constants } from 'node:os';

import { describe, expect, test } from '@jest/globals';

import type { ErrorCode } from '@tidemark/contracts';

import { DestinationFullError } from '../errors.js';
import { fileErrorOf, type Doing } from './errno.js';

const meanings: [keyof typeof constants.errno, Doing, ErrorCode, string][] = [
  ['ENOSPC', 'WRITING', 'DESTINATION_FULL', 'file:/a has no room left'],
  ['EDQUOT', 'WRITING', 'DESTINATION_FULL', 'file:/a has no room left'],
  ['EACCES', 'WRITING', 'DESTINATION_REFUSED', 'file:/a refused: permission denied (EACCES)'],
  ['EACCES', 'READING', 'DESTINATION_REFUSED', 'file:/a refused: permission denied (EACCES)'],
  ['EPERM', 'WRITING', 'DESTINATION_REFUSED', 'file:/a refused: operation not permitted (EPERM)'],
  ['EROFS', 'WRITING', 'DESTINATION_REFUSED', 'file:/a refused: read-only file system (EROFS)'],
  ['EFBIG', 'WRITING', 'DESTINATION_REFUSED', 'file:/a refused: file too large (EFBIG)'],
  ['EIO', 'READING', 'DESTINATION_UNREACHABLE', 'file:/a cannot be reached: i/o error (EIO)'],
  ['ENOENT', 'WRITING', 'DESTINATION_UNREACHABLE', 'file:/a cannot be reached: no such file or directory (ENOENT)'],
  ['ENOENT', 'READING', 'ARCHIVE_NOT_FOUND', 'there is no archive at file:/a'],
  ['ENOTDIR', 'READING', 'ARCHIVE_NOT_FOUND', 'there is no archive at file:/a'],
  ['ENOTDIR', 'WRITING', 'DESTINATION_INVALID', 'destination is not valid: a part of its path is a file, not a folder'],
  ['ENAMETOOLONG', 'WRITING', 'DESTINATION_INVALID', 'destination is not valid: a name in it is too long'],
];

describe('an error of the file system', () => {
  test.each(meanings)('%s while %s is %s', (errno, doing, code, message) => {
    const cause = systemError(errno);
    const error = fileErrorOf(cause, 'file:/a', doing) as Error;
    expect(error).toMatchObject({ code });
    expect(error.message.startsWith(message)).toBe(true);
  });

  test('that means nothing to a destination, and every other error, stays what it is', () => {
    const errors = [systemError('EMFILE'), new Error('x'), new DestinationFullError('file:/b'), 'text', undefined];
    expect(errors.map((error) => fileErrorOf(error, 'file:/a', 'WRITING'))).toEqual(errors);
  });
});

function systemError(code: keyof typeof constants.errno): Error {
  return Object.assign(new Error(code), { code, errno: -constants.errno[code] });
}
