/** Such as `ENOENT`. By shape: the error of a system call comes from Node's own realm, whose `Error` need not be ours. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** Whether a file system had no room left, or a user none of their share. */
export function isDiskFull(error: unknown): boolean {
  return FULL.has(errnoOf(error) ?? '');
}

/** `undefined` in place of the error that nothing bears this name. */
export async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
