import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { readEnv, type Env } from '../scripts/compose-files.mjs';

const SCRIPT = resolve(import.meta.dirname, '../scripts/make-env.mjs');

/** What `npm run make-env` writes and says, and what a second run in the same place says. */
export interface MadeEnv {
  readonly settings: Env;
  readonly mode: number;
  readonly said: string;
  readonly again: { readonly code: number | null; readonly said: string; readonly settings: Env };
}

export function madeEnv(): MadeEnv {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-env-'));
  const file = join(folder, '.env');
  const run = (): { code: number | null; said: string } => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, file], { encoding: 'utf8' });
    return { code: status, said: stdout + stderr };
  };
  const settings = (): Env => readEnv(readFileSync(file, 'utf8'));
  try {
    const { said } = run();
    const first = { settings: settings(), mode: statSync(file).mode & 0o777, said };
    return { ...first, again: { ...run(), settings: settings() } };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
