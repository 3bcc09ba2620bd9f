/** Versions and documents are worked on side by side. */
const LANES = 2;
/** Of a row while it is being sorted, with a link of usual length. */
const SORTED_ROW_BYTES = 100;
/** That a merge wants for each run that it reads from. */
const RUN_BUFFER_BYTES = 272 * 1024;
const LEAST_SORT_BYTES = 8 * 1024 * 1024;
const MOST_SORT_BYTES = 256 * 1024 * 1024;
/** Below it, for each process, PostgreSQL does not build an index by several. */
const PARALLEL_BYTES = 32 * 1024 * 1024;

/**
 * PostgreSQL's settings for the sessions of a build. Sorts get as little memory as lets them merge their runs in one
 * pass: runs that lie in the processor's caches are sorted in some 0.6 of the time that one large one takes. A tenth of
 * the usual statistics are enough for tables that are only gone through by their keys, and read a tenth. Its steps need
 * not be on the disk before the next one: what makes the build count is.
 */
export function buildSettings(parallelism: number, versions: number): string {
  const workers = Math.max(0, parallelism - LANES);
  const sortBytes = sortMemory(versions);
  const indexBytes = workers === 0 ? sortBytes : Math.max(sortBytes, (workers + 1) * PARALLEL_BYTES);
  return `SET work_mem = '${kilobytes(sortBytes)}'; SET maintenance_work_mem = '${kilobytes(indexBytes)}';
    SET max_parallel_maintenance_workers = ${workers}; SET max_parallel_workers_per_gather = ${workers};
    SET default_statistics_target = 10; SET synchronous_commit = off`;
}

/** With as many runs as one merge takes, each of them as large as the memory. */
export function sortMemory(versions: number): number {
  const onePass = Math.sqrt(versions * SORTED_ROW_BYTES * RUN_BUFFER_BYTES);
  return Math.min(MOST_SORT_BYTES, Math.max(LEAST_SORT_BYTES, onePass));
}

function kilobytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024)}kB`;
}
