export type { ArchiveDraft, ArchiveSource, AttemptId, Destination, SealedArchive } from './destination.js';
export * from './errors.js';
export type { GivenLimits } from './http/http-limits.js';
export { MemoryDestination } from './memory/memory-destination.js';
export { toFileUri } from './parse/file-uri.js';
export { parseDestination } from './parse/parse-destination.js';
export type { FileLocation, HttpLocation, ParsedDestination } from './parse/parsed-destination.js';
export {
  createDestinationPolicy,
  type AllowedDestination,
  type DestinationPolicy,
} from './policy/destination-policy.js';
export { prepareRoots, type RootState } from './policy/prepare-roots.js';
export { resolveDestination, type ResolveOptions } from './resolve-destination.js';
