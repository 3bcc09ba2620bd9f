/** Whether the networks of docker-compose.yml keep apart who is to be kept apart, tried from within the containers. */
import { addressesOf, hasWayOut, meet, OUTSIDE } from './rehearsal-networks.mjs';

/** Where each listens for others. */
const PORTS = {
  postgres: [5432],
  rabbitmq: [5672],
  'index-service': [8081],
  gateway: [8000, 8001],
  'transfer-worker': [],
  'archive-depot': [8082],
};

/** Who gets a connection to whom: as the networks are meant, and outside who is meant to. */
export function expectReach({ from, ask, tell }) {
  const everybody = Object.keys(PORTS);
  const targets = everybody.flatMap((to) =>
    PORTS[to].flatMap((port) => addressesOf(to).map((address) => ({ to, address, port }))),
  );
  targets.push({ to: OUTSIDE.name, address: OUTSIDE.address, port: 8082 });
  const script = `import { connect } from 'node:net';
    const reached = await Promise.all(${JSON.stringify(targets)}.map(({ to, address, port }) =>
      new Promise((resolve) => {
        const socket = connect({ host: address, port, timeout: 2000 });
        const end = (isThere) => { socket.destroy(); resolve(isThere ? to : undefined); };
        socket.once('connect', () => end(true)).once('error', () => end(false)).once('timeout', () => end(false));
      })));
    console.log(JSON.stringify([...new Set(reached)].filter(Boolean)));`;
  for (const name of from) {
    const { stdout, stderr } = ask(name, ['node', '--input-type=module', '-e', script]);
    const reached = JSON.stringify(JSON.parse(stdout || '[]').toSorted());
    const meant = everybody.filter((other) => PORTS[other].length > 0 && (other === name || meet(name, other)));
    if (hasWayOut(name)) meant.push(OUTSIDE.name);
    if (reached !== JSON.stringify(meant.toSorted())) throw new Error(`${name} reaches ${reached} ${stderr}`);
    tell(`${name} reaches ${meant.filter((other) => other !== name).join(', ') || 'nothing'}`);
  }
}
