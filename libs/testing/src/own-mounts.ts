import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import type { RunningSystem } from './system.js';

/**
 * A command, for `within`, that runs the one behind it among mounts of its own, made by a shell script: file systems
 * that are small, full or read-only, for a process that may be anybody's. Undefined where this machine does not let us.
 */
export function withOwnMounts(script: string): readonly string[] | undefined {
  const unshare = ['unshare', '--user', '--map-root-user', '--mount'] as const;
  const trial = spawnSync(unshare[0], [...unshare.slice(1), 'mount', '-t', 'tmpfs', 'tmpfs', '/tmp']);
  return trial.status === 0 ? [...unshare, 'sh', '-ec', `${script}\nexec "$@"`, 'sh'] : undefined;
}

/** A path as a system with mounts of its own has it, for others. */
export function insideMounts({ worker }: Pick<RunningSystem, 'worker'>, path: string): string {
  return join(`/proc/${worker.pid}/root`, path);
}
