/**
 * The second half of image-rehearsal.mjs, in namespaces for itself: a private PostgreSQL and RabbitMQ are set up from
 * docker-compose.yml, and each service runs as its image says: its command, its user, a file system that it cannot
 * write to but for its volumes, and its networks. Then the worker gets the way out that compose/outside.yml is about.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { commandOf, instructionsOf, overlaid, readCompose, readDockerfile, readEnv } from './compose-files.mjs';
import { Calls, request } from './rehearsal-calls.mjs';
import { hostsOf, inNetworkOf, join as joinNetwork, layNetworks, OUTSIDE, publish } from './rehearsal-networks.mjs';
import { expectReach } from './rehearsal-reach.mjs';
import { REFUSALS } from './rehearsal-refusals.mjs';

const ROOT = resolve(import.meta.dirname, '..');
const [work] = process.argv.slice(2);
const NODE_USER = 1000;
const START_SECONDS = 90;

command('node', [join(ROOT, 'scripts/make-env.mjs'), join(work, '.env')]);
const env = readEnv(readFileSync(join(work, '.env'), 'utf8'));
const [, operator] = /^operator:operator:(.+)$/.exec(env.TIDEMARK_API_TOKENS) ?? [];
const reader = randomBytes(32).toString('hex');
env.TIDEMARK_API_TOKENS += `,looker:reader:${reader}`;
const composeOf = (file, more = {}) => readCompose(readFileSync(join(ROOT, file), 'utf8'), { ...env, ...more });
const OUTSIDE_URL = `http://${OUTSIDE.name}:8082/archives`;
const outside = composeOf('compose/outside.yml', { TIDEMARK_HTTP_ALLOW: OUTSIDE_URL });
let compose = composeOf('docker-compose.yml');
const stages = readDockerfile(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'));
const running = [];
const calls = new Calls({ operator, reader, tell });
const FILE = 'file:/var/backup/rehearsal.zip';
const DEPOT = 'http://archive-depot:8082/archives';
const OUTSIDE_TOKEN = randomBytes(32).toString('hex');
const OURS = ['index-service', 'gateway', 'transfer-worker', 'archive-depot'];

function command(name, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(name === 'node' ? process.execPath : name, args, {
    encoding: 'utf8',
    ...options,
  });
  if (status !== 0) throw new Error(`${name} ${args.join(' ')}: ${stdout}${stderr}${error ?? ''}`);
  return stdout;
}

function folder(path, owner = 'root', mode = 0o755) {
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
  const user = (flag) => Number(command('id', [flag, owner]));
  if (owner !== 'root') chownSync(path, user('-u'), user('-g'));
  return path;
}

const as = (user) => ['setpriv', '--reuid', user, '--regid', user, '--clear-groups'];

function start(name, args, options = {}) {
  const log = join(work, `${name}.log`);
  const output = openSync(log, 'a');
  const child = spawn(args[0], args.slice(1), { stdio: ['ignore', output, output], ...options });
  const service = {
    name,
    child,
    log,
    exited: once(child, 'exit').then(([code, signal]) => (service.end = code ?? signal)),
  };
  running.push(service);
  return service;
}

/** Asks again until the answer is yes; what it is waited for must not have ended. */
async function until(service, ask) {
  const end = performance.now() + START_SECONDS * 1000;
  while (!(await ask())) {
    if (service.end !== undefined || performance.now() > end) throw new Error(`${service.name} did not get ready`);
    await sleep(200);
  }
  tell(`${service.name} is ready`);
}

function tell(text) {
  console.log(`ok  ${text}`);
}

async function startPostgres() {
  const { environment } = compose.services.postgres;
  const bin = command('sh', ['-c', 'ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1']).trim();
  const data = folder(join(work, 'postgres'), 'postgres', 0o700);
  const socket = folder(join(work, 'socket'), 'postgres');
  writeFileSync(join(work, 'password'), environment.POSTGRES_PASSWORD);
  const initdb = [join(bin, 'initdb'), '-U', 'postgres', `--pwfile=${join(work, 'password')}`];
  command(as('postgres')[0], [...as('postgres').slice(1), ...initdb, '--auth-host=scram-sha-256', '-D', data], {
    cwd: '/',
  });
  // As the image has it.
  appendFileSync(join(data, 'pg_hba.conf'), 'host all all all scram-sha-256\n');
  const server = [join(bin, 'postgres'), '-D', data, '-k', socket, '-c', 'listen_addresses=*'];
  const postgres = start('postgres', [...inNetworkOf('postgres'), ...as('postgres'), ...server], { cwd: '/' });
  const psql = ['--username=postgres', `--host=${socket}`, '--no-psqlrc', '--quiet', '-v', 'ON_ERROR_STOP=1'];
  await until(postgres, () => spawnSync('pg_isready', [`--host=${socket}`]).status === 0);
  command('psql', [...psql, '--dbname=postgres', '-c', `CREATE DATABASE ${environment.POSTGRES_DB}`]);
  const scripts = join(ROOT, 'compose/postgres/roles.sql');
  const own = { ...process.env, ...environment };
  command('psql', [...psql, `--dbname=${environment.POSTGRES_DB}`, '-f', scripts], { env: own });
}

async function startRabbitMq() {
  const home = folder(join(work, 'rabbitmq'), 'rabbitmq', 0o700);
  const file = (name, text) => {
    writeFileSync(join(home, name), text);
    return join(home, name);
  };
  const contents = Object.fromEntries(
    compose.services.rabbitmq.configs.map(({ source, target }) => [target, compose.configs[source].content]),
  );
  const [settings] = Object.entries(contents).find(([target]) => target.endsWith('.conf'));
  const [definitions] = Object.entries(contents).find(([target]) => target.endsWith('.json'));
  const there = file('definitions.json', contents[definitions]);
  const conf = file('rabbitmq.conf', contents[settings].replace(definitions, there));
  const own = {
    PATH: process.env.PATH,
    HOME: home,
    LANG: 'C.UTF-8',
    RABBITMQ_NODENAME: 'rabbit@localhost',
    RABBITMQ_CONFIG_FILE: conf,
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_MNESIA_BASE: join(home, 'mnesia'),
    RABBITMQ_LOG_BASE: join(home, 'log'),
    RABBITMQ_ENABLED_PLUGINS_FILE: file('enabled_plugins', '[].'),
    RABBITMQ_PID_FILE: join(home, 'pid'),
  };
  const bin = '/usr/lib/rabbitmq/bin';
  const inRabbitMq = [...inNetworkOf('rabbitmq'), ...as('rabbitmq')];
  const rabbitmq = start('rabbitmq', [...inRabbitMq, join(bin, 'rabbitmq-server')], {
    env: own,
    cwd: home,
  });
  const [, ...check] = compose.services.rabbitmq.healthcheck.test;
  const [program, ...args] = [...inRabbitMq, join(bin, check[0]), ...check.slice(1)];
  await until(rabbitmq, () => spawnSync(program, args, { env: own, cwd: home }).status === 0);
}

/** Mounts what stands for the container's file system; everything but volumes and tmpfs is read-only at the end. */
function mountRoot(name, { volumes = [], tmpfs = [] }) {
  const root = folder(join(work, 'roots', name));
  const mount = (...args) => command('mount', args);
  mount('-t', 'tmpfs', '-o', 'mode=0755', 'tmpfs', root);
  const bind = (source, target) => {
    mkdirSync(join(root, target), { recursive: true });
    mount('--bind', source, join(root, target));
  };
  const image = join(work, 'images', name);
  for (const path of ['/usr', '/dev', '/proc']) bind(path, path);
  bind(join(process.execPath, '..'), '/opt/node');
  bind(join(image, 'srv'), '/srv');
  for (const path of ['/usr', '/opt/node', '/srv']) mount('-o', 'remount,bind,ro', join(root, path));
  for (const path of ['bin', 'lib', 'lib64'])
    if (existsSync(`/${path}`)) command('ln', ['-s', `usr/${path}`, join(root, path)]);
  mkdirSync(join(root, 'etc'));
  writeFileSync(join(root, 'etc/passwd'), `node:x:${NODE_USER}:${NODE_USER}::/home/node:/bin/sh\n`);
  writeFileSync(join(root, 'etc/hosts'), hostsOf(name));
  for (const path of volumes.map((each) => each.split(':').at(-1))) {
    const { uid, gid, mode } = statSync(join(image, path));
    const own = folder(join(work, 'volumes', path), 'root', mode & 0o777);
    chownSync(own, uid, gid);
    bind(own, path);
  }
  for (const [path, options] of tmpfs.map((each) => each.split(':'))) {
    mkdirSync(join(root, path), { recursive: true });
    mount('-t', 'tmpfs', '-o', options, 'tmpfs', join(root, path));
  }
  mount('-o', 'remount,ro', root);
  return root;
}

/** How a container runs a command: nothing of this process's environment, rights or files goes along. */
function inContainer(name, args) {
  const instructions = instructionsOf(stages, name);
  const { rest: workdir } = instructions.find(({ keyword }) => keyword === 'WORKDIR');
  const imageEnv = instructions.filter(({ keyword }) => keyword === 'ENV').map(({ rest }) => rest);
  const own = Object.entries(compose.services[name].environment).map(([setting, value]) => `${setting}=${value}`);
  const rights = ['--no-new-privs', '--bounding-set=-all', '--inh-caps=-all', '--clear-groups'];
  return [
    ...inNetworkOf(name),
    ...['chroot', join(work, 'roots', name), 'setpriv', `--reuid=${NODE_USER}`, `--regid=${NODE_USER}`, ...rights],
    ...['env', '--ignore-environment', `--chdir=${workdir}`, 'PATH=/opt/node:/usr/bin', ...imageEnv, ...own, ...args],
  ];
}

function ask(name, args) {
  const [program, ...rest] = inContainer(name, args);
  return spawnSync(program, rest, { encoding: 'utf8' });
}

async function startService(name) {
  const of = (wanted) => commandOf(instructionsOf(stages, name).find(({ keyword }) => keyword === wanted));
  const service = start(name, inContainer(name, of('CMD')));
  await until(service, () => ask(name, of('HEALTHCHECK')).status === 0);
}

/** Each script runs with everything that the service has. */
function expectRefusals() {
  for (const [name, script, words] of REFUSALS) {
    const { status, stderr } = ask(name, ['node', '--input-type=module', '-e', script]);
    if (status === 0 || !stderr.includes(words)) throw new Error(`${name} may do ${script}: ${stderr}`);
  }
  tell(`${REFUSALS.length} things that no service may do are refused`);
}

/** The gateway takes a request off its queue and answers it, with its own rights; who asks here borrows them. */
function askOverTheQueue() {
  const script = `import { connect } from 'amqplib';
    const channel = await (await connect(process.env.AMQP_URL)).createChannel();
    await channel.consume('amq.rabbitmq.reply-to', ({ content }) => {
      console.log(content.toString());
      process.exit(0);
    }, { noAck: true });
    channel.publish('tidemark.requests', 'request', Buffer.from(${JSON.stringify(JSON.stringify(request('BackupRequest', FILE)))}),
      { messageId: 'rehearsal', replyTo: 'amq.rabbitmq.reply-to' });
    setTimeout(() => process.exit(1), 20000);`;
  const { stdout, stderr } = ask('gateway', ['node', '--input-type=module', '-e', script]);
  if (!stdout.includes('"operation":"BACKUP"')) throw new Error(`a request over the queue: ${stdout}${stderr}`);
  tell('a request over the queue is answered there');
}

/** Peak of resident memory against the limit in the compose file. */
function tellMemory(name, { pid }) {
  const peak = Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  const limit = parseInt(compose.services[name].mem_limit, 10);
  if (peak > limit / 2) throw new Error(`${name} took ${peak} MB of ${limit}`);
  tell(`${name} took ${peak.toFixed(0)} MB of ${limit} MB`);
}

async function backUpAndRestore() {
  await calls.writeMany();
  await calls.backUpAndRestore({ destination: FILE });
  await calls.backUpAndRestore({ destination: `${DEPOT}/first.zip`, bearer: env.TIDEMARK_DEPOT_TOKENS });
  askOverTheQueue();
  const inBackups = ask('gateway', ['ls', '/var/backup']).stdout;
  if (inBackups !== '') throw new Error(`the gateway sees ${inBackups}`);
}

/** A server of other people: here it is the depot again, on the host. */
async function startOutside() {
  const main = join(work, 'images/archive-depot/srv/tidemark/apps/archive-depot/dist/main.js');
  const own = {
    HOST: OUTSIDE.address,
    TIDEMARK_DEPOT_FOLDER: folder(join(work, 'outside')),
    TIDEMARK_DEPOT_TOKENS: OUTSIDE_TOKEN,
  };
  const server = start('outside', [process.execPath, main], { env: own });
  const url = `http://${OUTSIDE.address}:8082/core/health/ready`;
  await until(server, () =>
    fetch(url).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
}

/** With compose/outside.yml over the other: gateway and worker begin anew. */
async function expectWayOut() {
  await calls.expectRefused({ destination: `${OUTSIDE_URL}/a.zip`, bearer: OUTSIDE_TOKEN });
  for (const name of ['transfer-worker', 'gateway']) await stop(takeRunning(name));
  compose = overlaid(compose, outside);
  joinNetwork('transfer-worker', 'outside');
  for (const name of ['gateway', 'transfer-worker']) await startService(name);
  expectReach({ from: OURS, ask, tell });
  await calls.backUpAndRestore({ destination: `${OUTSIDE_URL}/a.zip`, bearer: OUTSIDE_TOKEN });
  await calls.expectRefused({ destination: `${DEPOT}/a.zip`, bearer: env.TIDEMARK_DEPOT_TOKENS });
}

function takeRunning(name) {
  return running.splice(
    running.findIndex((each) => each.name === name),
    1,
  )[0];
}

async function stop({ name, child, exited }) {
  const started = performance.now();
  child.kill('SIGTERM');
  const end = await exited;
  if (end !== 0) throw new Error(`${name} ended with ${end} after SIGTERM`);
  tell(`${name} ended ${((performance.now() - started) / 1000).toFixed(1)} s after SIGTERM`);
}

try {
  chmodSync(work, 0o755);
  layNetworks({ ...compose, networks: { ...compose.networks, ...outside.networks } });
  await publish('gateway', compose.services.gateway);
  await Promise.all([startPostgres(), startRabbitMq(), startOutside()]);
  for (const name of OURS) {
    mountRoot(name, compose.services[name]);
    await startService(name);
  }
  await calls.expectCallersRefused();
  await backUpAndRestore();
  expectRefusals();
  expectReach({ from: OURS, ask, tell });
  for (const { name, child } of running.filter(({ name }) => OURS.includes(name))) tellMemory(name, child);
  await expectWayOut();
  for (const service of running.filter(({ name }) => OURS.includes(name)).toReversed()) await stop(service);
} catch (error) {
  console.error(`FAILED  ${error.message}`);
  for (const { name, log } of running) console.error(`--- ${name}\n${readFileSync(log, 'utf8').slice(-3000)}`);
  process.exitCode = 1;
} finally {
  for (const { child } of running) child.kill('SIGKILL');
}
