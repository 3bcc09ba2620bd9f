/**
 * Does without Docker what docker-compose.yml and the Dockerfile say: `node scripts/image-rehearsal.mjs`, as root on
 * Linux with PostgreSQL and RabbitMQ installed. It builds each image's files by the Dockerfile's COPY and RUN, then runs
 * scripts/rehearse-services.mjs among namespaces of its own. Some minutes; leaves nothing.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';

import { readDockerfile } from './compose-files.mjs';

const ROOT = resolve(import.meta.dirname, '..');
const TARGETS = ['gateway', 'index-service', 'transfer-worker', 'archive-depot'];
/** As the images have it: the one of the npm scripts, whatever this was started with. */
const npmNode = join(ROOT, 'node_modules/.bin/node');
const NODE = existsSync(npmNode) ? realpathSync(npmNode) : process.execPath;
/** The user `node` of the image. */
const NODE_USER = 1000;

const work = mkdtempSync(join(tmpdir(), 'image-rehearsal-'));
const stages = readDockerfile(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'));
const folderOf = (name) => join(work, 'images', name);

/** In the folder that stands for the root of the stage's file system. Returns its working directory. */
function build({ name, from, instructions }) {
  const root = folderOf(name);
  const parent = stages.find((stage) => stage.name === from);
  mkdirSync(root, { recursive: true });
  if (parent) cpSync(folderOf(from), root, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  let folder = join(root, parent?.workdir ?? '/');
  for (const { keyword, rest } of instructions) {
    if (keyword === 'WORKDIR') mkdirSync((folder = join(root, rest)), { recursive: true });
    if (keyword === 'COPY') copy(rest, folder);
    if (keyword === 'RUN') run(rest, { root, folder, name });
  }
  return relative(root, folder);
}

function copy(rest, folder) {
  const [, image, source, target] = /^(?:--from=(\S+) )?(\S+) (\S+)$/.exec(rest);
  if (image) {
    cpSync(join(folderOf(image), source), join(folder, target), { recursive: true, verbatimSymlinks: true });
    return;
  }
  const lines = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n');
  const unwanted = lines.filter((line) => line.startsWith('**/')).map((line) => line.slice(3).replace('*', ''));
  const isWanted = (path) => !unwanted.some((end) => path.endsWith(end.startsWith('.') ? end : `/${end}`));
  for (const line of lines.filter((each) => each.startsWith('!'))) {
    const path = line.slice(1);
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    cpSync(join(ROOT, path), join(folder, path), { recursive: true, filter: isWanted });
  }
}

/** Folders of the image become folders under `root`, its user a number. */
function run(rest, { root, folder, name }) {
  const command = rest
    .replace(/^(--\S+ )*/, '')
    .replaceAll(' /var/', ` ${root}/var/`)
    .replaceAll(/ -([og]) node\b/g, ` -$1 ${NODE_USER}`);
  const started = performance.now();
  const env = { ...process.env, PATH: `${dirname(NODE)}:${process.env.PATH}` };
  const { status, stdout, stderr } = spawnSync('sh', ['-ec', command], { cwd: folder, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${name}: ${command}\n${stdout}${stderr}`);
  console.log(`ok  ${name}: ${command.replaceAll(root, '')} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
}

const size = (name) => spawnSync('du', ['-sm', folderOf(name)], { encoding: 'utf8' }).stdout.split('\t')[0];

try {
  if (process.getuid?.() !== 0) throw new Error('only root may make the namespaces that this needs');
  for (const stage of stages) stage.workdir = build(stage);
  console.log(`ok  ${TARGETS.map((name) => `${name} ${size(name)} MB`).join(', ')}, over the Node image`);
  const script = join(import.meta.dirname, 'rehearse-services.mjs');
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const { status } = spawnSync('unshare', [...namespaces, NODE, script, work], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
