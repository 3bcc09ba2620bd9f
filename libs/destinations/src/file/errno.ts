import { getSystemErrorMessage } from 'node:util';

import { DestinationInvalidError, type TidemarkError } from '@tidemark/contracts';
import { errnoOf } from '@tidemark/platform';

import {
  ArchiveNotFoundError,
  DestinationFullError,
  DestinationRefusedError,
  DestinationUnreachableError,
  SpoolFullError,
} from '../errors.js';

/** A system error at a destination, and whether an archive was being written or read there. */
interface FileFailure {
  readonly display: string;
  readonly doing: Doing;
  readonly error: unknown;
  readonly errno: string;
}
export type Doing = 'WRITING' | 'READING' | 'SPOOLING';
type Meaning = (failure: FileFailure) => TidemarkError;

const factsOf = ({ error, errno }: FileFailure): { details: { errno: string }; cause: unknown } => ({
  details: { errno },
  cause: error,
});
const full: Meaning = ({ display, doing, error }) =>
  doing === 'SPOOLING' ? new SpoolFullError(error) : new DestinationFullError(display, error);
const refused: Meaning = (failure) =>
  new DestinationRefusedError(failure.display, reasonOf(failure.error), factsOf(failure));
const unreachable: Meaning = (failure) =>
  new DestinationUnreachableError(failure.display, reasonOf(failure.error), factsOf(failure));
const invalid =
  (reason: string): Meaning =>
  () =>
    new DestinationInvalidError(reason);
const missing =
  (whenWriting: Meaning): Meaning =>
  (failure) =>
    failure.doing === 'READING' ? new ArchiveNotFoundError(failure.display) : whenWriting(failure);

const MEANINGS: ReadonlyMap<string, Meaning> = new Map([
  ['ENOSPC', full],
  ['EDQUOT', full],
  ['EACCES', refused],
  ['EPERM', refused],
  ['EROFS', refused],
  ['EFBIG', refused],
  ['EBUSY', refused],
  ['EIO', unreachable],
  ['ESTALE', unreachable],
  ['ENXIO', unreachable],
  ['ENODEV', unreachable],
  ['ENOTCONN', unreachable],
  ['ETIMEDOUT', unreachable],
  ['EHOSTDOWN', unreachable],
  ['ENOENT', missing(unreachable)],
  ['ENOTDIR', missing(invalid('a part of its path is a file, not a folder'))],
  ['ELOOP', invalid('it is, or leads through, a symbolic link that is not followed')],
  ['ENAMETOOLONG', invalid('a name in it is too long for the file system')],
  ['EISDIR', invalid('it is a folder, not an archive')],
]);

/** Runs `work`; what the file system refuses comes out as the coded error for that destination. */
export async function withFileErrors<T>(display: string, doing: Doing, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileErrorOf(error, display, doing);
  }
}

/** The coded error behind a system error; anything else as it is. */
export function fileErrorOf(error: unknown, display: string, doing: Doing): unknown {
  const errno = errnoOf(error);
  const meaning = errno === undefined ? undefined : MEANINGS.get(errno);
  return meaning === undefined || errno === undefined ? error : meaning({ display, doing, error, errno });
}

/** Such as `permission denied (EACCES)`. */
export function reasonOf(error: unknown): string {
  return isSystemError(error) ? `${getSystemErrorMessage(error.errno)} (${error.code})` : String(error);
}

/** By shape: the error of a system call comes from Node's own realm, whose `Error` need not be the caller's. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException & { errno: number; code: string } {
  return (
    typeof error === 'object' &&
    error !== null &&
    'errno' in error &&
    typeof error.errno === 'number' &&
    'code' in error &&
    typeof error.code === 'string'
  );
}
