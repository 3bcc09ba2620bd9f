import { randomBytes, randomUUID } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The key of this home, which requests' secrets are sealed with, as TIDEMARK_SECRET_KEY has it; made at the first
 * start, for its owner alone. Of several that start at once one makes it, and the others take that one.
 */
export async function provideSecretKey(home: string): Promise<string> {
  const path = join(home, 'secret.key');
  const existing = await readFile(path, 'utf8').catch(undefinedIf('ENOENT'));
  if (existing !== undefined) return existing.trim();
  const made = `${path}.${randomUUID()}`;
  try {
    await writeFile(made, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx', flush: true });
    await link(made, path).catch(undefinedIf('EEXIST'));
  } finally {
    await rm(made, { force: true });
  }
  return (await readFile(path, 'utf8')).trim();
}

function undefinedIf(expected: string): (error: unknown) => undefined {
  return (error) => {
    if ((error as NodeJS.ErrnoException).code !== expected) throw error;
    return undefined;
  };
}
