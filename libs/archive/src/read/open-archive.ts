import type { ByteSource } from '../byte-source.js';
import { ArchiveDamagedError } from '../errors.js';
import { MANIFEST, README, SCHEMA, SUMS } from '../format/entry-names.js';
import { FORMAT_LIMITS, MAX_SUMS_BYTES, MAX_TEXT_BYTES, type ArchiveLimits } from '../format/limits.js';
import { parseManifest } from '../format/manifest.js';
import { sumOf } from '../format/manifest-rules.js';
import type { Manifest } from '../format/manifest-schema.js';
import { sha256Of } from '../format/sha256.js';
import { wrongSum } from '../format/sums.js';
import { checkEntries } from './archive-entries.js';
import { contentOf } from './entry-bytes.js';
import { OpenedArchive } from './opened-archive.js';
import { checkRecognised } from './recognise.js';
import { SourceReader } from './source-reader.js';
import { readDirectory, type DirectoryRecord } from './zip-directory.js';
import { checkedEntry, spanOf, type ZipEntry } from './zip-entry.js';
import { findZipEnd } from './zip-end.js';

/** README.txt, schema.sql, manifest.json, SHA256SUMS. */
const FIXED_ENTRIES = 4;

export interface OpenOptions {
  readonly signal?: AbortSignal;
  /** Lower limits than the format's own. */
  readonly limits?: Partial<ArchiveLimits>;
}

/**
 * Opens an archive: everything is checked but the content of the parts, from the end, by a few closed ranges. Throws
 * ARCHIVE_FOREIGN, ARCHIVE_TRUNCATED, ARCHIVE_VERSION_UNKNOWN, ARCHIVE_DAMAGED, or the error of the source.
 */
export async function openArchive(source: ByteSource, options: OpenOptions = {}): Promise<OpenedArchive> {
  const limits = { ...FORMAT_LIMITS, ...options.limits };
  const reader = new SourceReader(source, options.signal);
  const end = await findZipEnd(reader);
  const records = await readDirectory(reader, end, limits.maxParts + FIXED_ENTRIES);
  checkRecognised(records.map(({ name }) => name));
  const manifestBytes = await readManifest(reader, records, limits);
  const manifest = parseManifest(manifestBytes);
  if (end.commentBytes > 0) throw new ArchiveDamagedError('the end of the zip', 'it has a comment');
  const entries = records.map(checkedEntry);
  checkEntries(entries, manifest, end.directoryOffset);
  checkLimits(manifest, limits);
  await checkSums(reader, { entries, manifest, manifestBytes });
  return new OpenedArchive(source, {
    manifest,
    manifestSha256: sha256Of(manifestBytes),
    entries: entries.slice(2, -2),
  });
}

/** Before the other entries are judged: a newer version may have others. */
async function readManifest(
  reader: SourceReader,
  records: readonly DirectoryRecord[],
  limits: ArchiveLimits,
): Promise<Buffer> {
  const record = records.find(({ name }) => name === MANIFEST);
  if (!record) throw new ArchiveDamagedError(MANIFEST, 'it is not there');
  return readWhole(reader, checkedEntry(record), limits.maxManifestBytes);
}

async function readWhole(reader: SourceReader, entry: ZipEntry, maxBytes: number): Promise<Buffer> {
  if (entry.size > maxBytes) throw new ArchiveDamagedError(entry.name, `it is over ${maxBytes} bytes`);
  if (entry.offset + spanOf(entry) > reader.size) throw new ArchiveDamagedError(entry.name, 'it is not in the zip');
  return contentOf(entry, await reader.read(entry.offset, spanOf(entry)));
}

function checkLimits({ parts }: Manifest, limits: ArchiveLimits): void {
  const large = parts.find(({ rawBytes }) => rawBytes > limits.maxPartRawBytes);
  if (large) throw new ArchiveDamagedError(large.name, `it declares over ${limits.maxPartRawBytes} bytes of rows`);
  if (sumOf(parts, 'rawBytes') > sumOf(parts, 'bytes') * limits.maxRatio) {
    throw new ArchiveDamagedError(MANIFEST, `it declares over ${limits.maxRatio} times the bytes that are there`);
  }
}

interface Read {
  readonly entries: readonly ZipEntry[];
  readonly manifest: Manifest;
  readonly manifestBytes: Buffer;
}

/** README.txt, schema.sql and manifest.json by SHA256SUMS, and its lines for the parts by the manifest. */
async function checkSums(reader: SourceReader, { entries, manifest, manifestBytes }: Read): Promise<void> {
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const read = async (name: string, maxBytes: number): Promise<Buffer> => {
    const entry = byName.get(name);
    if (!entry) throw new ArchiveDamagedError(name, 'it is not there');
    return readWhole(reader, entry, maxBytes);
  };
  const sums = await read(SUMS, MAX_SUMS_BYTES);
  const wrong = wrongSum(sums.toString('latin1'), manifest, {
    readme: sha256Of(await read(README, MAX_TEXT_BYTES)),
    schema: sha256Of(await read(SCHEMA, MAX_TEXT_BYTES)),
    manifest: sha256Of(manifestBytes),
  });
  if (wrong !== undefined) throw new ArchiveDamagedError(wrong, `its SHA-256 is not the one in ${SUMS}`);
}
