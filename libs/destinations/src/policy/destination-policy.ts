import { DestinationInvalidError, NotImplementedError, type Operation } from '@tidemark/contracts';

import { DestinationNotAllowedError, RootUnusableError } from '../errors.js';
import { isWithin } from '../is-within.js';
import type { FileLocation, HttpLocation, ParsedDestination } from '../parse/parsed-destination.js';
import { normalRoots } from './file-roots.js';
import { parseHttpPrefixes, startsWithPrefix, type HttpPrefix } from './http-prefixes.js';
import { prepareRoots, canServe } from './prepare-roots.js';

/** Which destinations this server uses; every other one is refused. */
export interface DestinationPolicy {
  readonly fileRoots: readonly string[];
  /**
   * Throws DESTINATION_NOT_ALLOWED, or ROOT_UNUSABLE for a folder that is allowed and cannot be used for `operation`
   * now. Roots are looked at anew each time: one that an operator repairs is usable at once.
   */
  check(destination: ParsedDestination, operation: Operation): Promise<AllowedDestination>;
}

/** A destination that the policy let through, with the root that it must stay in. */
export interface AllowedDestination extends FileLocation {
  readonly root: string;
}

/** The settings TIDEMARK_FILE_ROOTS and TIDEMARK_HTTP_ALLOW. Throws ConfigError, which names the setting. */
export function createDestinationPolicy(settings: {
  readonly fileRoots: readonly string[];
  readonly httpAllow: readonly string[];
}): DestinationPolicy {
  const fileRoots = normalRoots(settings.fileRoots);
  const prefixes = parseHttpPrefixes(settings.httpAllow);
  return {
    fileRoots,
    check: async (destination, operation) =>
      destination.scheme === 'file' ? checkFile(destination, operation, fileRoots) : checkHttp(destination, prefixes),
  };
}

async function checkFile(
  file: FileLocation,
  operation: Operation,
  roots: readonly string[],
): Promise<AllowedDestination> {
  const own = roots.filter((root) => isWithin(root, file.path)).sort((a, b) => b.length - a.length);
  const [nearest] = own;
  if (nearest === undefined) throw new DestinationNotAllowedError('TIDEMARK_FILE_ROOTS', roots);
  if (own.includes(file.path))
    throw new DestinationInvalidError('it is the folder for archives itself; add a file name');
  for (const root of own) {
    if (await canServe(root, operation)) return { ...file, root };
  }
  const states = await prepareRoots(roots);
  const complaint = states.find(({ root }) => root === nearest)?.complaint;
  if (complaint === undefined) return { ...file, root: nearest };
  throw new RootUnusableError(nearest, complaint);
}

function checkHttp(destination: HttpLocation, prefixes: readonly HttpPrefix[]): never {
  if (!prefixes.some((prefix) => startsWithPrefix(destination.url, prefix))) {
    throw new DestinationNotAllowedError(
      'TIDEMARK_HTTP_ALLOW',
      prefixes.map(({ display }) => display),
    );
  }
  throw new NotImplementedError(`a destination over ${destination.scheme}`);
}
