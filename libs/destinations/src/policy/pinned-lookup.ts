import { lookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { promisify } from 'node:util';

import { DestinationNotAllowedError } from '../errors.js';
import type { AddressPolicy } from './addresses.js';

export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

const systemResolve: Resolve = (host) => promisify(lookup)(host, { all: true });

/** Throws DESTINATION_NOT_ALLOWED for a URL whose host is an address that may not be used; a name is left to {@link pinnedLookup}. */
export function checkAddressInUrl(url: URL, addresses: AddressPolicy): void {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0) checkAddress(host, addresses);
}

/** Throws DESTINATION_NOT_ALLOWED for an address that may not be used. */
export function checkAddress(address: string, addresses: AddressPolicy): void {
  if (!addresses.isAllowed(address)) throw notAllowed(addresses);
}

/**
 * Resolves a host once, for all connections: a name that changes its mind later leads nowhere else. Addresses that may
 * not be used are left out; where none remains, connecting fails with DESTINATION_NOT_ALLOWED.
 */
export function pinnedLookup(addresses: AddressPolicy, resolve: Resolve = systemResolve): LookupFunction {
  let pinned: Promise<readonly LookupAddress[]> | undefined;
  const find = async (host: string): Promise<readonly LookupAddress[]> => {
    const found = await resolve(host);
    const usable = found.filter(({ address }) => addresses.isAllowed(address));
    if (usable.length === 0) throw notAllowed(addresses);
    return usable;
  };
  return (host, options, done) => {
    pinned ??= find(host).catch((error: unknown) => {
      pinned = undefined;
      throw error;
    });
    pinned.then(
      (usable) => {
        const [first] = usable;
        if (options.all === true) done(null, [...usable]);
        else done(null, first?.address ?? '', first?.family);
      },
      (error: unknown) => done(error as NodeJS.ErrnoException, ''),
    );
  };
}

function notAllowed({ allowPrivate }: AddressPolicy): DestinationNotAllowedError {
  const why = 'its host has an address that is not public';
  return new DestinationNotAllowedError('TIDEMARK_HTTP_ALLOW_PRIVATE', allowPrivate, why);
}
