/**
 * The networks of docker-compose.yml without Docker, for rehearse-services.mjs: each is a bridge, and each container a
 * network namespace with a place on its own ones. Only where a network is not internal is there a way to the host, and
 * by it to what lies outside.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { pipeline } from 'node:stream';

/** A public address, for whoever has a way out; nobody else has it in the host's namespace. */
export const OUTSIDE = { name: 'archives.example.org', address: '192.31.196.1' };

/** One of the pools that Docker takes addresses from. */
const subnet = (network) => `172.31.${networkNames.indexOf(network)}`;
let networkNames = [];
let containerNames = [];
let internal = {};
const joined = {};

function ip(...args) {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
}

/** Makes the networks, and a namespace for each container on those that are its own. */
export function layNetworks({ services, networks }) {
  networkNames = Object.keys(networks);
  containerNames = Object.keys(services);
  internal = Object.fromEntries(networkNames.map((name) => [name, networks[name]?.internal === true]));
  // Namespaces have their names there.
  spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', '/run']);
  ip('link', 'set', 'lo', 'up');
  ip('address', 'add', `${OUTSIDE.address}/32`, 'dev', 'lo');
  for (const network of networkNames) {
    const bridge = `net${networkNames.indexOf(network)}`;
    ip('link', 'add', bridge, 'type', 'bridge');
    if (!internal[network]) ip('address', 'add', `${subnet(network)}.1/24`, 'dev', bridge);
    ip('link', 'set', bridge, 'up');
  }
  for (const name of containerNames) {
    joined[name] = [];
    ip('netns', 'add', name);
    ip('-netns', name, 'link', 'set', 'lo', 'up');
    for (const network of services[name].networks) join(name, network);
  }
}

/** Gives a container a place on one network more. */
export function join(name, network) {
  const at = networkNames.indexOf(network);
  const outer = `veth${containerNames.indexOf(name)}x${at}`;
  ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', `eth${at}`, 'netns', name);
  ip('link', 'set', outer, 'master', `net${at}`, 'up');
  ip('-netns', name, 'address', 'add', `${addressOn(name, network)}/24`, 'dev', `eth${at}`);
  ip('-netns', name, 'link', 'set', `eth${at}`, 'up');
  if (!internal[network]) ip('-netns', name, 'route', 'add', 'default', 'via', `${subnet(network)}.1`);
  joined[name].push(network);
}

export function addressOn(name, network) {
  return `${subnet(network)}.${containerNames.indexOf(name) + 2}`;
}

/** One on each network that the container is on. */
export function addressesOf(name) {
  return joined[name].map((network) => addressOn(name, network));
}

export function meet(a, b) {
  return joined[a].some((network) => joined[b].includes(network));
}

export function hasWayOut(name) {
  return joined[name].some((network) => !internal[network]);
}

/** Lines of a container's hosts file: the names that Docker would resolve for it, and one outside. */
export function hostsOf(name) {
  const others = containerNames.flatMap((other) => {
    const shared = joined[name].find((network) => joined[other].includes(network));
    return shared ? [`${addressOn(other, shared)} ${other}`] : [];
  });
  return ['127.0.0.1 localhost', ...others, `${OUTSIDE.address} ${OUTSIDE.name}`, ''].join('\n');
}

/** How a program is run where a container is. */
export function inNetworkOf(name) {
  return ['ip', 'netns', 'exec', name];
}

/** Publishes ports as Docker does: by a program on the host that hands on what comes. */
export async function publish(name, { ports, networks }) {
  for (const published of ports ?? []) {
    const [host, port, inside] = published.split(':');
    const target = addressOn(
      name,
      networks.find((network) => !internal[network]),
    );
    const server = createServer((socket) => {
      const to = connect(Number(inside), target);
      pipeline(socket, to, socket, () => socket.destroy());
    });
    await once(server.listen(Number(port), host), 'listening');
    server.unref();
  }
}
