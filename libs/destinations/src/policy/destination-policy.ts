import type { LookupFunction } from 'node:net';

import { DestinationInvalidError, type Operation } from '@tidemark/contracts';

import { DestinationNotAllowedError, RootUnusableError } from '../errors.js';
import { isWithin } from '../is-within.js';
import { toFileUri } from '../parse/file-uri.js';
import type { FileLocation, HttpLocation, ParsedDestination } from '../parse/parsed-destination.js';
import { createAddressPolicy, type AddressPolicy } from './addresses.js';
import { normalRoots } from './file-roots.js';
import { parseHttpPrefixes, startsWithPrefix, type HttpPrefix } from './http-prefixes.js';
import { checkAddressInUrl, pinnedLookup } from './pinned-lookup.js';
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

/** A destination that the policy let through. */
export type AllowedDestination = AllowedFile | AllowedHttp;

interface Allowed {
  /** The same for all that name the same archive, without secrets. */
  readonly place: string;
}

/** With the root that it must stay in. */
interface AllowedFile extends FileLocation, Allowed {
  readonly root: string;
}

/** With the only way to find its addresses: each is judged before it is connected to. */
interface AllowedHttp extends HttpLocation, Allowed {
  readonly lookup: LookupFunction;
}

export interface PolicySettings {
  readonly fileRoots: readonly string[];
  readonly httpAllow: readonly string[];
  readonly httpAllowPrivate: readonly string[];
}

/**
 * The settings TIDEMARK_FILE_ROOTS, TIDEMARK_HTTP_ALLOW and TIDEMARK_HTTP_ALLOW_PRIVATE. Throws ConfigError, which
 * names the setting.
 */
export function createDestinationPolicy(settings: PolicySettings): DestinationPolicy {
  const fileRoots = normalRoots(settings.fileRoots);
  const prefixes = parseHttpPrefixes(settings.httpAllow);
  const addresses = createAddressPolicy(settings.httpAllowPrivate);
  return {
    fileRoots,
    check: async (destination, operation) =>
      destination.scheme === 'file'
        ? checkFile(destination, operation, fileRoots)
        : checkHttp(destination, prefixes, addresses),
  };
}

async function checkFile(file: FileLocation, operation: Operation, roots: readonly string[]): Promise<AllowedFile> {
  const place = toFileUri(file.path);
  const own = roots.filter((root) => isWithin(root, file.path)).sort((a, b) => b.length - a.length);
  const [nearest] = own;
  if (nearest === undefined) throw new DestinationNotAllowedError('TIDEMARK_FILE_ROOTS', roots);
  if (own.includes(file.path))
    throw new DestinationInvalidError('it is the folder for archives itself; add a file name');
  for (const root of own) {
    if (await canServe(root, operation)) return { ...file, root, place };
  }
  const states = await prepareRoots(roots);
  const complaint = states.find(({ root }) => root === nearest)?.complaint;
  if (complaint === undefined) return { ...file, root: nearest, place };
  throw new RootUnusableError(nearest, complaint);
}

function checkHttp(destination: HttpLocation, prefixes: readonly HttpPrefix[], addresses: AddressPolicy): AllowedHttp {
  const { url } = destination;
  if (!prefixes.some((prefix) => startsWithPrefix(url, prefix))) {
    throw new DestinationNotAllowedError(
      'TIDEMARK_HTTP_ALLOW',
      prefixes.map(({ display }) => display),
    );
  }
  checkAddressInUrl(url, addresses);
  return { ...destination, place: url.origin + url.pathname, lookup: pinnedLookup(addresses) };
}
