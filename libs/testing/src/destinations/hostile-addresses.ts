import { hostile, type HostileDestination, type Row } from './hostile-destination.js';

/** Hosts that must be refused although their URL is allowed, as long as their CIDR is not listed as well. */
const NOT_PUBLIC: readonly Row[] = [
  ['loopback', '127.0.0.1'],
  ['loopback, not the first', '127.255.255.254'],
  ['loopback with a part left out', '127.1'],
  ['loopback in decimal', '2130706433'],
  ['loopback in hexadecimal', '0x7f000001'],
  ['loopback in octal', '0177.0.0.1'],
  ['loopback in octal with zeros in front', '0000177.0.0.01'],
  ['loopback in all of them', '0x7f.0.1'],
  ['loopback in digits of full width', '\uff11\uff12\uff17.\uff10.\uff10.\uff11'],
  ['loopback in circled digits', '\u2460\u2461\u2466.0.0.1'],
  ['loopback with full stops of another script', '127\u30020\u30020\u30021'],
  ['loopback with a dot behind', '127.0.0.1.'],
  ['loopback of IPv6', '[::1]'],
  ['loopback of IPv6, written out', '[0:0:0:0:0:0:0:1]'],
  ['loopback mapped into IPv6', '[::ffff:127.0.0.1]'],
  ['loopback mapped into IPv6, in hexadecimal', '[::ffff:7f00:1]'],
  ['loopback mapped into IPv6, written out', '[0:0:0:0:0:ffff:7f00:1]'],
  ['loopback as a compatible address', '[::127.0.0.1]'],
  ['loopback as a translated address', '[::ffff:0:127.0.0.1]'],
  ['an address that looks like a mapped one', '[::ffff:1:7f00:1]'],
  ['a private network, 10', '10.0.0.1'],
  ['a private network, 172', '172.31.255.255'],
  ['a private network, 192', '192.168.1.1'],
  ['a private network through NAT64', '[64:ff9b::10.0.0.1]'],
  ['a private network through a NAT64 of its own', '[64:ff9b:1::10.0.0.1]'],
  ['a private network through 6to4', '[2002:a00:1::1]'],
  ['a private network through Teredo', '[2001:0:4136:e378:8000:63bf:f5ff:fffe]'],
  ['addresses shared by a provider', '100.64.0.1'],
  ['addresses of protocols', '192.0.0.1'],
  ['addresses of documents', '192.0.2.1'],
  ['more addresses of documents', '198.51.100.1'],
  ['addresses of documents, the third', '203.0.113.1'],
  ['the relay of 6to4', '192.88.99.1'],
  ['addresses of benchmarks', '198.18.0.1'],
  ['reserved addresses', '240.0.0.1'],
  ['unique local', '[fc00::1]'],
  ['unique local by chance', '[fd13::1]'],
  ['site-local', '[fec0::1]'],
  ['addresses of documents, IPv6', '[2001:db8::1]'],
  ['more addresses of documents, IPv6', '[3fff::1]'],
  ['addresses of benchmarks, IPv6', '[2001:2::1]'],
  ['identifiers in place of addresses', '[2001:20::1]'],
  ['an address that swallows everything', '[100::1]'],
  ['segment routing', '[5f00::1]'],
  ['what nobody has been given yet', '[4000::1]'],
];

/** Hosts that must be refused although everything is listed. */
const NEVER: readonly Row[] = [
  ['metadata', '169.254.169.254'],
  ['metadata in decimal', '2852039166'],
  ['metadata in hexadecimal', '0xa9.0xfe.0xa9.0xfe'],
  ['metadata in octal', '0251.0376.0251.0376'],
  ['metadata with its last parts in one', '169.254.43518'],
  ['metadata mapped into IPv6', '[::ffff:169.254.169.254]'],
  ['metadata as a compatible address', '[::a9fe:a9fe]'],
  ['metadata as a translated address', '[::ffff:0:a9fe:a9fe]'],
  ['metadata through NAT64', '[64:ff9b::a9fe:a9fe]'],
  ['metadata through a NAT64 of its own', '[64:ff9b:1::a9fe:a9fe]'],
  ['metadata through 6to4', '[2002:a9fe:a9fe::1]'],
  ['metadata through Teredo, as the client', '[2001:0:4136:e378:8000:63bf:5601:5601]'],
  ['metadata through Teredo, as the server', '[2001:0:a9fe:a9fe:8000:63bf:3fff:fdd2]'],
  ['metadata of a container', '169.254.170.2'],
  ['metadata of Azure', '168.63.129.16'],
  ['metadata of Alibaba', '100.100.100.200'],
  ['metadata of Oracle', '192.0.0.192'],
  ['metadata of Amazon, IPv6', '[fd00:ec2::254]'],
  ['metadata of Google, IPv6', '[fd20:ce::254]'],
  ['metadata of Scaleway, IPv6', '[fd00:42::42]'],
  ['metadata of Oracle, IPv6', '[fd00:c1::a9fe:a9fe]'],
  ['metadata of Akamai, IPv6', '[fd00:a9fe:a9fe::1]'],
  ['metadata of Alibaba, IPv6', '[fd00:100::100:200]'],
  ['link-local', '169.254.0.1'],
  ['link-local, IPv6', '[fe80::1]'],
  ['link-local to the end of its range', '[febf::a9fe:a9fe]'],
  ['this host', '0.0.0.0'],
  ['this host as a number', '0'],
  ['this network', '0.1.2.3'],
  ['this host, IPv6', '[::]'],
  ['everybody', '255.255.255.255'],
  ['a group', '224.0.0.1'],
  ['a group of one’s own network', '239.255.255.250'],
  ['a group, IPv6', '[ff02::1]'],
];

export const NOT_PUBLIC_ADDRESSES: readonly HostileDestination[] = atThem(NOT_PUBLIC);
export const NEVER_ADDRESSES: readonly HostileDestination[] = atThem(NEVER);

/** A setting that allows the URLs of these rows, so that only their addresses are left to refuse. */
export function allowingAll(rows: readonly HostileDestination[]): string[] {
  return [...new Set(rows.map(({ destination }) => new URL(destination).origin))];
}

function atThem(rows: readonly Row[]): HostileDestination[] {
  return hostile(
    'DESTINATION_NOT_ALLOWED',
    rows.map(([trick, host]) => [trick, `http://${host}/archives/a.zip`]),
  );
}
