export * from './errors.js';
export { dropAbandonedDatabases } from './postgres/abandoned-databases.js';
export { findPostgres, type FoundPostgres } from './postgres/find-postgres.js';
export type { LocalPostgres, ServerExit, ServerSettings } from './postgres/local-postgres.js';
export { startPostgres, type PostgresOptions } from './postgres/start-postgres.js';
export { temporaryPostgres } from './postgres/temporary-postgres.js';
