import { MAX_DOCUMENT_BYTES } from '@tidemark/contracts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Far below 65,535 entries, where zip readers begin to disagree, and few enough to be listed in little memory. */
export const MAX_PARTS = 20_000;
/** One part's rows, not compressed. */
export const MAX_PART_RAW_BYTES = 1024 * MIB;
/** One part as it lies in the zip: what cannot be compressed grows a little. */
export const MAX_PART_BYTES = MAX_PART_RAW_BYTES + 16 * MIB;
/**
 * One row with its line end. A document is at most 1 MiB and COPY escaping at most doubles it; the kind comes out of
 * the document too, so at worst both are that long. 64 KiB more for the link and the numbers.
 */
export const MAX_LINE_BYTES = 2 * (2 * MAX_DOCUMENT_BYTES) + 64 * KIB;
const MAX_MANIFEST_BYTES = 8 * MIB;
export const MAX_MANIFEST_DEPTH = 8;
/** Each takes memory many times the bytes that it takes in the text; a part has eight with its own. */
export const MAX_MANIFEST_VALUES = 8 * MAX_PARTS + 100;
/** In one object. */
export const MAX_MANIFEST_FIELDS = 64;
/** That differ; the format has some forty. */
export const MAX_MANIFEST_NAMES = 256;
/** Of one text as it is written: 1,024 characters, each as an escape of six bytes, and some blanks. */
export const MAX_MANIFEST_TEXT_BYTES = 8 * KIB;
export const MAX_SUMS_BYTES = 8 * MIB;
/** README.txt and schema.sql. */
export const MAX_TEXT_BYTES = MIB;
export const MAX_DIRECTORY_BYTES = 16 * MIB;
/** A zstd frame may ask its reader for this much memory: window log 23. */
export const MAX_WINDOW_LOG = 23;
/** A zstd block is 4 bytes or more and holds 128 KiB or less: whoever declares more lies. */
export const MAX_RATIO = 32_768;

/** Limits that a reader may set lower than the format's own. */
export interface ArchiveLimits {
  readonly maxParts: number;
  readonly maxManifestBytes: number;
  /** Declared size of one part's rows, bytes. */
  readonly maxPartRawBytes: number;
  /** Declared size of all rows over the size of all parts. */
  readonly maxRatio: number;
}

export const FORMAT_LIMITS: ArchiveLimits = {
  maxParts: MAX_PARTS,
  maxManifestBytes: MAX_MANIFEST_BYTES,
  maxPartRawBytes: MAX_PART_RAW_BYTES,
  maxRatio: MAX_RATIO,
};
