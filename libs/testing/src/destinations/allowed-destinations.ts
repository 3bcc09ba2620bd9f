/** A spelling that must work; what it names says `is`: a path, or the URL without its query. */
export interface AllowedDestination {
  readonly spelling: string;
  readonly destination: string;
  readonly is: string;
}

type Row = readonly [spelling: string, destination: string, is: string];

const NAMES: readonly Row[] = [
  ['a plain path', 'file:<root>/a.zip', '/a.zip'],
  ['an empty host', 'file://<root>/b.zip', '/b.zip'],
  ['the scheme in capitals', 'FILE:<root>/c.zip', '/c.zip'],
  ['folders below the root', 'file:<root>/x/y/z/a.zip', '/x/y/z/a.zip'],
  ['a space', 'file:<root>/my backup.zip', '/my backup.zip'],
  ['an encoded space', 'file:<root>/our%20backup.zip', '/our backup.zip'],
  ['letters beyond ASCII', 'file:<root>/übung.zip', '/übung.zip'],
  ['letters beyond ASCII, encoded', 'file:<root>/%C3%A4.zip', '/ä.zip'],
  ['letters beyond ASCII, decomposed', 'file:<root>/e\u0301.zip', '/e\u0301.zip'],
  ['an emoji', 'file:<root>/🗄.zip', '/🗄.zip'],
  ['an ellipsis of three dots', 'file:<root>/.../a.zip', '/.../a.zip'],
  ['a hidden file', 'file:<root>/.a.zip', '/.a.zip'],
  ['two dots within a name', 'file:<root>/a..b.zip', '/a..b.zip'],
  ['two dots at the end of a name', 'file:<root>/a../b.zip', '/a../b.zip'],
  ['a parameter within a name', 'file:<root>/a;v=1.zip', '/a;v=1.zip'],
  ['a colon and an @', 'file:<root>/2026-01-01T00:00@host.zip', '/2026-01-01T00:00@host.zip'],
  ['an encoded question mark and #', 'file:<root>/a%3Fb%23c.zip', '/a?b#c.zip'],
  ['an encoded percent sign', 'file:<root>/100%25.zip', '/100%.zip'],
  ['a percent sign and digits that are no banned one', 'file:<root>/%2541.zip', '/%41.zip'],
  ['no ending', 'file:<root>/archive', '/archive'],
  ['an ending in capitals', 'file:<root>/A.ZIP', '/A.ZIP'],
  ['nearly the name of a temp', 'file:<root>/.a.zip.old.1.part', '/.a.zip.old.1.part'],
  ['nearly the name that roots are tried with', 'file:<root>/tidemark.probe', '/tidemark.probe'],
  ['a drive that is none', 'file:<root>/C:/a.zip', '/C:/a.zip'],
  ['a name of 255 bytes', `file:<root>/${'n'.repeat(251)}.zip`, `/${'n'.repeat(251)}.zip`],
];

/** What must work as a `file:` destination with the folder `root` allowed. */
export function allowedFiles(root: string): AllowedDestination[] {
  return NAMES.map(([spelling, destination, is]) => ({
    spelling,
    destination: destination.replace('<root>', root),
    is: `${root}${is}`,
  }));
}

const URLS: readonly Row[] = [
  ['a plain URL', 'http://depot.example:8082/archives/a.zip', 'http://depot.example:8082/archives/a.zip'],
  ['the prefix itself', 'http://depot.example:8082/archives', 'http://depot.example:8082/archives'],
  ['deep below the prefix', 'https://files.example/archives/x/y.zip', 'https://files.example/archives/x/y.zip'],
  ['scheme and host in capitals', 'HTTP://DEPOT.Example:8082/archives/a', 'http://depot.example:8082/archives/a'],
  ['the port that https has anyway', 'https://files.example:443/archives/a', 'https://files.example/archives/a'],
  ['an empty port', 'https://files.example:/archives/a.zip', 'https://files.example/archives/a.zip'],
  ['a port with zeros in front', 'http://depot.example:08082/archives/a', 'http://depot.example:8082/archives/a'],
  ['a signed query', 'https://files.example/archives/a?sig=%2F..%2Fx', 'https://files.example/archives/a'],
  ['a URL in the query', 'https://files.example/archives/a?u=http://x/', 'https://files.example/archives/a'],
  ['an encoded space in a URL', 'https://files.example/archives/a%20b', 'https://files.example/archives/a%20b'],
  ['a parameter in a URL', 'https://files.example/archives/a;v=1', 'https://files.example/archives/a;v=1'],
  ['three dots in a URL', 'https://files.example/archives/.../a', 'https://files.example/archives/.../a'],
  ['a name of letters beyond ASCII', 'http://bücher.example/ü/a', 'http://xn--bcher-kva.example/%C3%BC/a'],
  ['the same in Punycode', 'http://xn--bcher-kva.example/%C3%BC/b', 'http://xn--bcher-kva.example/%C3%BC/b'],
  ['the same decomposed', 'http://bu\u0308cher.example/ü/c', 'http://xn--bcher-kva.example/%C3%BC/c'],
  [
    'a host in letters of full width',
    'http://ｄｅｐｏｔ.example:8082/archives/b',
    'http://depot.example:8082/archives/b',
  ],
  ['a listed address', 'http://127.0.0.7:9000/archives/a.zip', 'http://127.0.0.7:9000/archives/a.zip'],
  ['a listed address in decimal', 'http://2130706439:9000/archives/a.zip', 'http://127.0.0.7:9000/archives/a.zip'],
  ['a listed address in octal', 'http://0177.0.0.07:9000/archives/a.zip', 'http://127.0.0.7:9000/archives/a.zip'],
  ['a listed address in hexadecimal', 'http://0x7f.7:9000/archives/a.zip', 'http://127.0.0.7:9000/archives/a.zip'],
  [
    'a listed address with a dot behind',
    'http://127.0.0.7.:9000/archives/a.zip',
    'http://127.0.0.7:9000/archives/a.zip',
  ],
  ['a listed IPv6 address', 'http://[fd12::7]:9000/archives/a', 'http://[fd12::7]:9000/archives/a'],
  ['a listed IPv6 address, written out', 'http://[FD12:0::0:7]:9000/archives/b', 'http://[fd12::7]:9000/archives/b'],
];

/** What must work under the settings of `hostile-urls.ts`. */
export const ALLOWED_URLS: readonly AllowedDestination[] = URLS.map(([spelling, destination, is]) => ({
  spelling,
  destination,
  is,
}));
