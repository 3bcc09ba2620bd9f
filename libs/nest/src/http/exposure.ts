import { ConfigError } from '@tidemark/platform';

import { isLoopback } from './host-and-origin.js';

export interface Exposure {
  readonly host: string;
  /** The setting TIDEMARK_AUTH. */
  readonly auth: 'none' | undefined;
  /** The setting that holds tokens, and whether it holds any. */
  readonly tokens: { readonly setting: string; readonly given: boolean };
  /** What whoever reaches it could do without tokens. */
  readonly danger: string;
}

/** Throws ConfigError where others than this machine could reach a server that lets everybody in, and nobody said so. */
export function checkExposure({ host, auth, tokens: { setting, given }, danger }: Exposure): void {
  if (given && auth === 'none') {
    throw new ConfigError(`TIDEMARK_AUTH=none lets everybody in, ${setting} does not: unset one of them`);
  }
  if (host === 'localhost' || isLoopback(host) || auth === 'none' || given) return;
  throw new ConfigError(
    `HOST is not a loopback address, and without ${setting} anybody who reaches it could ${danger}: ` +
      `leave HOST at 127.0.0.1, set ${setting}, or TIDEMARK_AUTH=none if that is what you want`,
  );
}
