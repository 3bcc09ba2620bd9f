import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';

import { environment } from '@tidemark/platform';

import { testServerUrl } from './test-database.js';

/** A folder to type commands in, as a person would. */
export interface Hand {
  readonly folder: string;
  /** Resolves with the output; rejects where one of the commands fails. */
  type(commands: string): Promise<string>;
  remove(): Promise<void>;
}

const STAND_INS = resolve(import.meta.dirname, '../stand-ins');

/**
 * Tools that this machine does not have are found at the end of the PATH as stand-ins, scripts that do what the documents
 * need of them; with `onlyStandIns` these come first. PostgreSQL's own programs talk to the test server.
 */
export async function openHand({ onlyStandIns }: { onlyStandIns: boolean }): Promise<Hand> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-by-hand-'));
  const tools = await mkdtemp(join(tmpdir(), 'tidemark-stand-ins-'));
  for (const file of await readdir(STAND_INS)) {
    const tool = join(tools, basename(file, '.mjs'));
    await writeFile(tool, `#!/bin/sh\nexec '${process.execPath}' '${join(STAND_INS, file)}' "$@"\n`);
    await chmod(tool, 0o755);
  }
  const path = environment().PATH ?? '';
  const { hostname, port, username, password } = new URL(testServerUrl());
  const env = {
    ...environment(),
    NODE_OPTIONS: '',
    PATH: onlyStandIns ? `${tools}:${path}` : `${path}:${tools}`,
    PGHOST: hostname,
    PGPORT: port || '5432',
    PGUSER: decodeURIComponent(username),
    PGPASSWORD: decodeURIComponent(password),
  };
  return {
    folder,
    type: async (commands) => (await promisify(execFile)('sh', ['-euc', commands], { cwd: folder, env })).stdout,
    remove: async () => {
      for (const made of [folder, tools]) await rm(made, { recursive: true, force: true });
    },
  };
}
