import { BlockList, isIP } from 'node:net';

import type { onRequestHookHandler } from 'fastify';

import { HostUnknownError, OriginForeignError } from './http-errors.js';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

const HOST = /^(?<name>\[[\da-f:.]+\]|[^:[\]]+)(?::(?<port>\d{1,5}))?$/;

/**
 * A hook that lets through only calls to localhost, a loopback literal, or a listed name (with a port: that port only),
 * and of those only calls that no page of another origin makes. So no page that a browser shows can reach this server,
 * whatever its name resolves to.
 */
export function hostAndOriginCheck(listed: readonly string[]): onRequestHookHandler {
  const served = new Set(listed.map((host) => host.toLowerCase()));
  return (request, _reply, done) => {
    const { host = '', origin } = request.headers;
    if (!isServed(host.toLowerCase(), served)) done(new HostUnknownError(host));
    else if (origin !== undefined && !isSameOrigin(origin, host)) done(new OriginForeignError(origin));
    else done();
  };
}

function isServed(host: string, served: ReadonlySet<string>): boolean {
  const { name } = HOST.exec(host)?.groups ?? {};
  if (name === undefined) return false;
  return served.has(host) || served.has(name) || name === 'localhost' || isLoopback(name);
}

/** Whether this is a loopback address, as it is or in brackets. */
export function isLoopback(name: string): boolean {
  const literal = name.startsWith('[') ? name.slice(1, -1) : name;
  const family = isIP(literal);
  return family !== 0 && loopback.check(literal, family === 4 ? 'ipv4' : 'ipv6');
}

/** The scheme may differ: a proxy in front of a listed name may speak TLS. */
function isSameOrigin(origin: string, host: string): boolean {
  const url = URL.parse(origin);
  if (!url || !/^https?:$/.test(url.protocol) || url.origin !== origin.toLowerCase()) return false;
  return URL.parse(`${url.protocol}//${host}`)?.host === url.host;
}
