import { BlockList, isIP } from 'node:net';

import { ConfigError } from '@tidemark/platform';

import { carriedBy, mappedIn } from './carried-address.js';

type Family = 'ipv4' | 'ipv6';

/**
 * Not for anybody, whatever is allowed: link-local and the other addresses where clouds answer with credentials; this
 * host; groups of hosts.
 */
const NEVER = subnets([
  '0.0.0.0/8',
  '169.254.0.0/16',
  '168.63.129.16/32', // Azure
  '100.100.100.200/32', // Alibaba
  '192.0.0.192/32', // Oracle
  '224.0.0.0/4',
  '255.255.255.255/32',
  '::/128',
  'fe80::/10',
  'fd00:ec2::/32', // Amazon
  'fd20:ce::254/128', // Google
  'fd00:42::42/128', // Scaleway
  'fd00:c1::a9fe:a9fe/128', // Oracle
  'fd00:a9fe:a9fe::1/128', // Akamai
  'fd00:100::100:200/128', // Alibaba
  'ff00::/8',
]);
/** The registries' special ranges: private, shared, loopback, documentation, benchmarks, reserved. */
const NOT_PUBLIC_V4 = subnets([
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '240.0.0.0/4',
]);
/** Of IPv6 only global unicast is public, without what leads to other addresses (Teredo, 6to4) and documentation. */
const GLOBAL_V6 = subnets(['2000::/3']);
const NOT_PUBLIC_V6 = subnets(['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']);

/** Which addresses an HTTP destination may have. */
export interface AddressPolicy {
  /** The setting TIDEMARK_HTTP_ALLOW_PRIVATE, as it was written. */
  readonly allowPrivate: readonly string[];
  isAllowed(address: string): boolean;
}

/** Throws ConfigError, which names the setting, for an entry that is no address and no CIDR. */
export function createAddressPolicy(allowPrivate: readonly string[]): AddressPolicy {
  const allowed = subnets(allowPrivate, (entry) => {
    throw new ConfigError(
      `TIDEMARK_HTTP_ALLOW_PRIVATE: entry ${allowPrivate.indexOf(entry) + 1} must be an address or a CIDR such as 10.1.0.0/16`,
    );
  });
  return {
    allowPrivate,
    isAllowed: (address) => {
      const family = familyOf(address);
      if (family === undefined || NEVER.check(address, family)) return false;
      const carried = family === 'ipv6' ? carriedBy(address) : [];
      if (carried.some((inner) => NEVER.check(inner, 'ipv4'))) return false;
      if (isPublic(address, family)) return true;
      return (
        allowed.check(address, family) &&
        carried.every((inner) => isPublic(inner, 'ipv4') || allowed.check(inner, 'ipv4'))
      );
    },
  };
}

function isPublic(address: string, family: Family): boolean {
  const v4 = family === 'ipv4' ? address : mappedIn(address);
  if (v4 !== undefined) return !NOT_PUBLIC_V4.check(v4, 'ipv4');
  return GLOBAL_V6.check(address, family) && !NOT_PUBLIC_V6.check(address, family);
}

function subnets(entries: readonly string[], onInvalid = failed): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', bits, ...rest] = entry.split('/');
    const family = familyOf(address);
    const most = family === 'ipv4' ? 32 : 128;
    const isNumber = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most);
    if (family === undefined || !isNumber || rest.length > 0) onInvalid(entry);
    else list.addSubnet(address, bits === undefined ? most : Number(bits), family);
  }
  return list;
}

function failed(entry: string): void {
  throw new Error(`no CIDR: ${entry}`);
}

/** A scope (`fe80::1%eth0`) makes an address that no rule can judge. */
function familyOf(address: string): Family | undefined {
  if (address.includes('%')) return undefined;
  const version = isIP(address);
  return version === 4 ? 'ipv4' : version === 6 ? 'ipv6' : undefined;
}
