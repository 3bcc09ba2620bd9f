import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';

import { sleep } from '@tidemark/platform';
import { brokerIsThere, SystemClient } from '@tidemark/testing';

jest.setTimeout(180_000); // one run with every place takes about half a minute, on a busy machine some times that

/** The program of `npm run demo`, as a person starts and ends it: what it says, and that nothing stays behind. */
const whereItIs = brokerIsThere() ? describe : describe.skip;
const MAIN = resolve(import.meta.dirname, '../apps/standalone/dist/demo/main.js');

let folder: string;
let running: Demo[];
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'tidemark-of-demo-')));
  await chmod(folder, 0o755);
  running = [];
});
afterEach(async () => {
  for (const demo of running) demo.child.kill('SIGTERM');
  await Promise.all(running.map(({ ended }) => ended));
  await rm(folder, { recursive: true, force: true });
});

interface Demo {
  readonly child: ChildProcess;
  /** Resolves when it has said something that matches. */
  said(what: RegExp): Promise<RegExpExecArray>;
  readonly ended: Promise<{ code: number | null; output: string; errors: string }>;
}

/** With `folder` as the place for temporary files, and in the PATH of all its processes, so that they can be found. */
function startDemo(...args: string[]): Demo {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      TMPDIR: folder,
      PATH: `${process.env.PATH ?? ''}:${folder}`,
      HOST: 'nowhere',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const errors = text(child.stderr);
  const ended = once(child, 'close').then(async ([code]) => ({
    code: code as number | null,
    output,
    errors: await errors,
  }));
  const said = async (what: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const match = what.exec(output);
      if (match) return match;
      const over = await Promise.race([once(child.stdout, 'data').then(() => undefined), ended]);
      if (over && !what.test(output))
        throw new Error(`it ended with ${over.code} and never said ${String(what)}:\n${over.output}${over.errors}`);
    }
  };
  const demo = { child, said, ended };
  running.push(demo);
  return demo;
}

/** Of a broker; they end by themselves, a moment after it. */
const HELPERS = /erl_child_setup|inet_gethost/;
const HELPERS_END_MILLIS = 10_000;

/** Command lines of the processes that know of `folder`. */
async function processes(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const read = (pid: string, file: string): Promise<string> =>
    readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '');
  const told = await Promise.all(
    pids.map(async (pid) => [await read(pid, 'cmdline'), await read(pid, 'environ')] as const),
  );
  return told.filter((texts) => texts.join('').includes(folder)).map(([command]) => command.replaceAll('\0', ' '));
}

async function expectNothingLeft(): Promise<void> {
  const end = performance.now() + HELPERS_END_MILLIS;
  while ((await processes()).some((command) => HELPERS.test(command)) && performance.now() < end) await sleep(20);
  expect({ processes: await processes(), files: await readdir(folder) }).toEqual({ processes: [], files: [] });
}

test('does the main job with every place, tells each step in figures, and ends with 0', async () => {
  const { code, output, errors } = await startDemo().ended;
  expect([code, errors]).toEqual([0, '']);
  const steps = output.split('\n').flatMap((line) => {
    const [, name, told] = /^(\S.*?) +\d+\.\d\d s {2}(.*)$/.exec(line) ?? [];
    return name === undefined ? [] : [[name, told]];
  });
  const inFull = expect.stringMatching(/^171,075 documents read over HTTP, each exactly as it was then$/);
  const figures = (start: string): unknown => expect.stringMatching(new RegExp(`^${start}`));
  expect(steps).toEqual([
    ['start', figures('gateway, index-service, transfer-worker and archive-depot in one process, PostgreSQL ')],
    ['load', figures('171,075 documents')],
    ['edit', figures('16,830 of them changed, in 6 transactions')],
    ['back up', figures('171,075 documents with all their 187,905 versions in a zip of \\d\\.\\d MB ')],
    ['lose', figures('24,439 documents deleted, 29,328 overwritten')],
    [
      'restore to after edit 3 of 6',
      figures('171,075 documents with 179,490 versions, .* 62,182 newer versions left behind'),
    ],
    ['check', inFull],
    ['restore in full', figures('171,075 documents with 187,905 versions, .* 0 newer versions left behind')],
    ['check', inFull],
  ]);
  expect(output).toContain('`npm start`');
  await expectNothingLeft();
});

test('with --keep it goes on until it is ended as it says, and serves until then', async () => {
  const demo = startDemo('--keep', '--places', '1000');
  const [, url = '', pid] = await demo.said(/It still runs at (\S+), until Ctrl-C \(or `kill (\d+)`\) ends it/);
  expect(Number(pid)).toBe(demo.child.pid);
  expect((await new SystemClient(url).documents('/cities/')).size).toBe(1000);
  expect((await processes()).length).toBeGreaterThan(3);
  demo.child.kill('SIGTERM');
  expect(await demo.ended).toMatchObject({ code: 0, errors: '' });
  await expectNothingLeft();
});

whereItIs('with --services', () => {
  test('does the same over a process for each service, with a broker of its own, and says so', async () => {
    const { code, output, errors } = await startDemo('--services', '--places', '1000').ended;
    expect([code, errors]).toEqual([0, '']);
    const [first = '', ...lines] = output.split('\n').filter((line) => line !== '');
    expect(first).toMatch(/^Four services of their own, with a PostgreSQL and a RabbitMQ, in \S+; Ctrl-C ends them/);
    const name = (service: string): string => `${service} \\(pid \\d+\\)`;
    const services = ['gateway', 'index-service', 'transfer-worker', 'archive-depot'].map(name).join(', ');
    expect(lines[0]).toMatch(
      new RegExp(`^start .* ${services}; PostgreSQL from .*, a RabbitMQ \\d+\\.\\d+\\.\\d+ of `),
    );
    expect(new Set(lines[0]?.match(/(?<=pid )\d+/g)).size).toBe(4);
    expect(
      lines.filter((line) => line.includes(' 1,000 documents read over HTTP, each exactly as it was')),
    ).toHaveLength(2);
    expect(output).toContain('`npm run start:services`');
    await expectNothingLeft();
  });

  test('interrupted while its broker starts: nothing is left', async () => {
    const demo = startDemo('--services', '--places', '1000');
    while (!(await processes()).some((command) => command.includes('beam'))) await sleep(20);
    demo.child.kill('SIGINT');
    expect(await demo.ended).toMatchObject({ code: 130, errors: '' });
    await expectNothingLeft();
  });
});

describe('interrupted', () => {
  test.each([
    ['before its server is there', /A server of its own in/],
    ['while it works', /^load /m],
  ])('%s, twice, as a terminal and npm do it: nothing is left', async (_when, said) => {
    const demo = startDemo('--places', '50000');
    await demo.said(said);
    for (const signal of ['SIGINT', 'SIGINT'] as const) demo.child.kill(signal);
    const { code, output, errors } = await demo.ended;
    expect([code, errors]).toEqual([130, '']);
    expect(output).toContain('Interrupted: ending it, removing what it made.');
    await expectNothingLeft();
  });

  test('by a reader of its output who goes away: nothing is left', async () => {
    const demo = startDemo('--places', '50000');
    await demo.said(/^start /m);
    demo.child.stdout?.destroy();
    expect(await demo.ended).toMatchObject({ code: 1, errors: '' });
    await expectNothingLeft();
  });
});

test('an option that it does not have: it says which there are', async () => {
  for (const args of [['--kep'], ['--places', 'all'], ['more']]) {
    const { code, errors } = await startDemo(...args).ended;
    expect([code, errors]).toEqual([2, expect.stringMatching(/^npm run demo \[-- --keep\]/)]);
  }
});
