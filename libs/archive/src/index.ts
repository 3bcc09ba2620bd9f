export * from './boundary.js';
export * from './byte-source.js';
export * from './errors.js';
export { COLUMNS } from './format/columns.js';
export { FORMAT_LIMITS, MAX_LINE_BYTES, MAX_PARTS, MAX_PART_RAW_BYTES, type ArchiveLimits } from './format/limits.js';
export {
  FORMAT,
  FORMAT_VERSION,
  type ArchiveHeader,
  type Manifest,
  type ManifestPart,
} from './format/manifest-schema.js';
export { decodePart, type DecodeOptions } from './part/decode-part.js';
export {
  encodePart,
  MAX_PART_CUT_BYTES,
  type EncodedPart,
  type EncodeOptions,
  type PartOutcome,
} from './part/encode-part.js';
export { openArchive, type OpenOptions } from './read/open-archive.js';
export type { OpenedArchive, VerifyOptions } from './read/opened-archive.js';
export type { VerifyDepth } from './read/verify-part.js';
export { writeArchive, type PackedPart, type WriteArchiveOptions, type WrittenArchive } from './write/write-archive.js';
