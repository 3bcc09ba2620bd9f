import type { LookupFunction } from 'node:net';

import { DestinationInvalidError, type Operation } from '@tidemark/contracts';

import { DestinationNotAllowedError, RootUnusableError } from '../errors.js';
import { isWithin } from '../is-within.js';
import { toFileUri } from '../parse/file-uri.js';
import type { FileLocation, HttpLocation, ParsedDestination } from '../parse/parsed-destination.js';
import { createAddressPolicy, type AddressPolicy } from './addresses.js';
import { locationOf, normalRoots } from './file-roots.js';
import { parseHttpPrefixes, startsWithPrefix, type HttpPrefix } from './http-prefixes.js';
import { checkAddress, checkAddressInUrl, pinnedLookup, type Resolve } from './pinned-lookup.js';
import { canServe, preparePlaces, type RootPlace, type RootState } from './prepare-roots.js';

/** Which destinations this server uses; every other one is refused. */
export interface DestinationPolicy {
  /** Makes the roots that are not there, where that can be, and tells what each can be used for now. */
  prepareRoots(): Promise<readonly RootState[]>;
  /**
   * Throws DESTINATION_NOT_ALLOWED, or ROOT_UNUSABLE for a folder that is allowed and cannot be used for `operation`
   * now. Roots are looked at anew each time: one that an operator repairs is usable at once, unless it is then somewhere
   * else than it was when the policy was made.
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
  /** Where the root really is, links resolved. */
  readonly location: string;
}

/** With the only way to find its addresses: each is judged before it is connected to. */
interface AllowedHttp extends HttpLocation, Allowed {
  readonly lookup: LookupFunction;
  /** Asked of each connection that has been made; throws DESTINATION_NOT_ALLOWED. */
  readonly checkAddress: (address: string) => void;
}

export interface PolicySettings {
  readonly fileRoots: readonly string[];
  readonly httpAllow: readonly string[];
  readonly httpAllowPrivate: readonly string[];
  /** What finds the addresses of a name, where that is not the system. */
  readonly resolve?: Resolve;
}

/**
 * The settings TIDEMARK_FILE_ROOTS, TIDEMARK_HTTP_ALLOW and TIDEMARK_HTTP_ALLOW_PRIVATE. Throws ConfigError, which
 * names the setting.
 */
export function createDestinationPolicy(settings: PolicySettings): DestinationPolicy {
  const prefixes = parseHttpPrefixes(settings.httpAllow);
  const addresses = createAddressPolicy(settings.httpAllowPrivate);
  const places = normalRoots(settings.fileRoots).map((root) => ({ root, location: locationOf(root) }));
  return {
    prepareRoots: () => preparePlaces(places),
    check: async (destination, operation) =>
      destination.scheme === 'file'
        ? checkFile(destination, operation, places)
        : checkHttp(destination, prefixes, { addresses, resolve: settings.resolve }),
  };
}

async function checkFile(
  file: FileLocation,
  operation: Operation,
  roots: readonly Required<RootPlace>[],
): Promise<AllowedFile> {
  const place = toFileUri(file.path);
  const paths = roots.map(({ root }) => root);
  const own = roots.filter(({ root }) => isWithin(root, file.path)).sort((a, b) => b.root.length - a.root.length);
  const [nearest] = own;
  if (nearest === undefined) throw new DestinationNotAllowedError('TIDEMARK_FILE_ROOTS', paths);
  if (paths.includes(file.path))
    throw new DestinationInvalidError('it is the folder for archives itself; add a file name');
  for (const root of own) {
    if (await canServe(root, operation)) return { ...file, ...root, place };
  }
  const states = await preparePlaces(roots);
  const complaint = states.find(({ root }) => root === nearest.root)?.complaint;
  if (complaint === undefined) return { ...file, ...nearest, place };
  throw new RootUnusableError(nearest.root, complaint);
}

function checkHttp(
  destination: HttpLocation,
  prefixes: readonly HttpPrefix[],
  { addresses, resolve }: { addresses: AddressPolicy; resolve: Resolve | undefined },
): AllowedHttp {
  const { url } = destination;
  if (!prefixes.some((prefix) => startsWithPrefix(url, prefix))) {
    throw new DestinationNotAllowedError(
      'TIDEMARK_HTTP_ALLOW',
      prefixes.map(({ display }) => display),
    );
  }
  checkAddressInUrl(url, addresses);
  return {
    ...destination,
    place: url.origin + url.pathname,
    lookup: pinnedLookup(addresses, resolve),
    checkAddress: (address) => checkAddress(address, addresses),
  };
}
