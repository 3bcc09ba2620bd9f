/** Names that lead elsewhere than they should, servers that send elsewhere: nobody but the allowed server is talked to. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { LookupAddress } from 'node:dns';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import type { Operation } from '@tidemark/contracts';

import { go, write } from '../contract/place-under-test.contract.js';
import { parseDestination } from '../parse/parse-destination.js';
import { createDestinationPolicy } from '../policy/destination-policy.js';
import type { HttpDestination } from './http-destination.js';
import { httpUnderTest } from './http-under-test.contract.js';
import { answer, type Behaviour } from './servers/test-server.contract.js';
import { rfc } from './servers/behaviours.contract.js';

const onLinux = process.platform === 'linux' ? describe : describe.skip;
const http = httpUnderTest();
const BOTH: readonly Operation[] = ['BACKUP', 'RESTORE'];
const ALLOWED = '127.0.0.1';
/** Not listed; of the same machine, so that a connection there would succeed. */
const INTERNAL = '127.0.0.2';

/** Listens at the internal address, and counts who comes. */
let internal: Server;
let visits: number;
beforeEach(() => {
  visits = 0;
  internal = createServer((socket) => {
    visits++;
    socket.on('error', () => undefined); // of whoever breaks off
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi');
  });
});
afterEach(async () => {
  if (!internal.listening) return;
  internal.close();
  await once(internal, 'close');
});

/** At the port of the allowed server, so that only the address tells them apart. */
async function listenInside(host: string): Promise<void> {
  await once(internal.listen(Number(http.server.url.port), host), 'listening');
}

type Answers = readonly (readonly string[])[];

/** Gives its answers one after the other, and the last one for ever. */
function resolverOf(answers: Answers): { resolve: () => Promise<LookupAddress[]>; asked: () => number } {
  let asked = 0;
  const resolve = (): Promise<LookupAddress[]> => {
    const addresses = answers[Math.min(asked++, answers.length - 1)] ?? [];
    return Promise.resolve(addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
  };
  return { resolve, asked: () => asked };
}

async function allowedOf(operation: Operation, resolve: () => Promise<LookupAddress[]>) {
  const raw = `http://archives.example:${http.server.url.port}/archives/a.zip`;
  const policy = createDestinationPolicy({
    fileRoots: [],
    httpAllow: [raw.replace('/a.zip', '')],
    httpAllowPrivate: [ALLOWED],
    resolve,
  });
  const allowed = await policy.check(parseDestination(raw), operation);
  if (allowed.scheme === 'file') throw new Error('a file');
  return allowed;
}

async function destinationOf(operation: Operation, resolve: () => Promise<LookupAddress[]>): Promise<HttpDestination> {
  return http.destination(await allowedOf(operation, resolve));
}

async function use(destination: HttpDestination, operation: Operation): Promise<void> {
  if (operation === 'RESTORE') {
    await (await destination.open(go)).close();
    return;
  }
  const draft = await destination.draft({ jobId: randomUUID(), fence: 1 }, go);
  await write(draft, Buffer.from('an archive'));
  await draft.transfer(go);
}

const REFUSED: readonly [trick: string, answers: Answers][] = [
  ['an internal address', [[INTERNAL]]],
  ['an internal address mapped into IPv6', [[`::ffff:${INTERNAL}`]]],
  ['an internal address translated into IPv6', [[`::ffff:0:${INTERNAL}`]]],
  ['loopback of IPv6', [['::1']]],
  ['a private network', [['10.0.0.1']]],
  ['several internal addresses', [[INTERNAL, '10.0.0.1', 'fd12::1', '::1']]],
  ['metadata', [['169.254.169.254']]],
  ['metadata mapped into IPv6', [['::ffff:a9fe:a9fe']]],
  ['metadata through NAT64', [['64:ff9b::a9fe:a9fe']]],
  ['metadata of Amazon, IPv6', [['fd00:ec2::254']]],
  ['this host', [['0.0.0.0']]],
  ['this host, IPv6', [['::']]],
  ['a link-local address with a zone', [['fe80::1%lo']]],
  ['everybody', [['255.255.255.255']]],
  ['no address', [[]]],
  ['what is no address', [['archives.internal']]],
];

onLinux.each(BOTH)('for a %s, a name', (operation) => {
  beforeEach(async () => {
    (await http.serve(rfc)).content = Buffer.from('an archive');
    await listenInside(INTERNAL);
  });

  test.each(REFUSED)('of %s leads nowhere', async (_trick, answers) => {
    const destination = await destinationOf(operation, resolverOf(answers).resolve);
    await expect(use(destination, operation)).rejects.toMatchObject({
      code: 'DESTINATION_NOT_ALLOWED',
      details: { setting: 'TIDEMARK_HTTP_ALLOW_PRIVATE' },
    });
    expect({ visits, seen: http.server.seen }).toEqual({ visits: 0, seen: [] });
  });

  const MIXED: readonly [trick: string, answers: Answers][] = [
    ['of an internal address and then an allowed one', [[INTERNAL, ALLOWED]]],
    ['of an allowed address and then an internal one', [[ALLOWED, '169.254.169.254', INTERNAL]]],
    ['that is bound anew after the first look', [[ALLOWED], [INTERNAL]]],
    ['that is bound anew with each look', [[ALLOWED], [INTERNAL], [ALLOWED], [INTERNAL]]],
  ];
  test.each(MIXED)('%s leads to the allowed one alone, over many connections', async (_trick, answers) => {
    const resolver = resolverOf(answers);
    const destination = await destinationOf(operation, resolver.resolve);
    http.server.scripted.push((_request, response) => {
      response.setHeader('connection', 'close');
      return false;
    });
    await use(destination, operation);
    await use(destination, operation);
    expect(new Set(http.server.seen.map(({ port }) => port)).size).toBeGreaterThan(1);
    expect({ visits, asked: resolver.asked() }).toEqual({ visits: 0, asked: 1 });
  });

  test('bound anew between two attempts is refused by the second', async () => {
    const { resolve } = resolverOf([[ALLOWED], [INTERNAL]]);
    await use(await destinationOf(operation, resolve), operation);
    const seen = http.server.seen.length;
    await expect(use(await destinationOf(operation, resolve), operation)).rejects.toMatchObject({
      code: 'DESTINATION_NOT_ALLOWED',
    });
    expect({ visits, seen: http.server.seen.length }).toEqual({ visits: 0, seen });
  });

  test('whose address is another one once it is connected is sent nothing', async () => {
    const lying = http.destination({
      ...(await allowedOf(operation, resolverOf([[ALLOWED]]).resolve)),
      lookup: (_host, _options, done) => done(null, [{ address: INTERNAL, family: 4 }]),
    });
    const heard: Buffer[] = [];
    internal.on('connection', (socket) => socket.on('data', (bytes) => heard.push(bytes)));
    await expect(use(lying, operation)).rejects.toMatchObject({ code: 'DESTINATION_NOT_ALLOWED' });
    expect(heard).toEqual([]);
  });
});

const REDIRECTS = [300, 301, 302, 303, 305, 307, 308];
const ELSEWHERE: readonly [trick: string, location: (port: string) => string][] = [
  ['to an internal host', (port) => `http://${INTERNAL}:${port}/archives/a.zip`],
  ['to another path of the same host', () => '/secrets/a.zip'],
  ['to a host without its scheme', (port) => `//${INTERNAL}:${port}/archives/a.zip`],
  ['to a file', () => 'file:///etc/passwd'],
];

onLinux.each(BOTH)('for a %s, a redirect', (operation) => {
  test.each(REDIRECTS.flatMap((status) => ELSEWHERE.map(([trick, location]) => ({ status, trick, location }))))(
    '$status $trick is not followed',
    async ({ status, location }) => {
      const redirecting: Behaviour = (request, response) =>
        answer(status, { location: location(http.server.url.port) })(request, response);
      await http.serve(() => redirecting);
      await listenInside(INTERNAL);
      const destination = await destinationOf(operation, resolverOf([[ALLOWED]]).resolve);
      await expect(use(destination, operation)).rejects.toMatchObject({
        code: 'DESTINATION_REFUSED',
        details: { status },
      });
      expect(visits).toBe(0);
      expect(http.server.seen.map(({ url }) => url)).toEqual(['/archives/a.zip']);
    },
  );
});
