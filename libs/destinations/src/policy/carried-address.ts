/** The first groups of IPv6 addresses that carry an IPv4 address, and the places of the groups that it stands in. */
const CARRIERS: readonly Carrier[] = [
  { prefix: [0, 0, 0, 0, 0, 0xffff], at: 6 }, // mapped
  { prefix: [0, 0, 0, 0, 0xffff, 0], at: 6 }, // translated
  { prefix: [0x64, 0xff9b, 0, 0, 0, 0], at: 6 }, // NAT64
  { prefix: [0x64, 0xff9b, 1], at: 6 }, // NAT64 of one's own network
  { prefix: [0x2002], at: 1 }, // 6to4
  { prefix: [0x2001, 0], at: 2 }, // Teredo: its server
  { prefix: [0x2001, 0], at: 6, inverted: true }, // and its client
];
const MAPPED = CARRIERS.slice(0, 1);

interface Carrier {
  readonly prefix: readonly number[];
  readonly at: number;
  readonly inverted?: true;
}

/** The IPv4 addresses that a valid IPv6 address leads to where something on the way translates it or has a tunnel. */
export function carriedBy(address: string): string[] {
  const groups = groupsOf(address);
  const isCompatible = groups.slice(0, 6).every((group) => group === 0) && groups[6] !== 0;
  const found = CARRIERS.filter(({ prefix }) => prefix.every((group, n) => group === groups[n]));
  return [...found, ...(isCompatible ? [{ at: 6 }] : [])].map((carrier) => addressAt(groups, carrier));
}

/** The IPv4 address that an IPv6 address is another spelling of. */
export function mappedIn(address: string): string | undefined {
  const groups = groupsOf(address);
  const [mapped] = MAPPED.filter(({ prefix }) => prefix.every((group, n) => group === groups[n]));
  return mapped && addressAt(groups, mapped);
}

function addressAt(groups: readonly number[], { at, inverted }: Pick<Carrier, 'at' | 'inverted'>): string {
  const [high = 0, low = 0] = groups.slice(at, at + 2).map((group) => (inverted ? group ^ 0xffff : group));
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}

function groupsOf(address: string): number[] {
  const [head = '', tail] = withoutDots(address).split('::');
  const [left, right] = [head, tail ?? ''].map((half) => (half === '' ? [] : half.split(':')));
  const ends = [...(left ?? []), ...(right ?? [])];
  const zeros = Array.from({ length: 8 - ends.length }, () => '0');
  return [...(left ?? []), ...zeros, ...(right ?? [])].map((group) => Number.parseInt(group, 16));
}

/** The last four bytes may be written as in IPv4. */
function withoutDots(address: string): string {
  return address.replace(/(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/, (_all, ...bytes: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
}
