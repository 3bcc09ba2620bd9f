import { createHash } from 'node:crypto';

import type { AttemptId } from './destination.js';

/** What file systems of today grant a name, in bytes. */
export const MAX_NAME_BYTES = 255;

const JOB_ID = /^[0-9A-Za-z-]{1,36}$/;
const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const FENCE = /^[1-9][0-9]{0,15}$/;
const OF_AN_ATTEMPT = new RegExp(`^${UUID}\\.[1-9][0-9]{0,15}\\.part$`, 'i');
const TEMP = new RegExp(`^\\..+\\.${UUID}\\.[0-9]+\\.part$`, 'i');
const SUFFIX = '.part';
/** Two leading dots' worth, a job id, a fence of 16 digits and the suffix. */
const ROOM_FOR_ATTEMPT = '...'.length + 36 + 16 + SUFFIX.length;
const STEM_BYTES = MAX_NAME_BYTES - ROOM_FOR_ATTEMPT;
const HASH_DIGITS = 16;

/** `.<name>.<jobId>.<fence>.part`; a name too long for that is cut and a hash of it stands for the rest. */
export function tempName(name: string, attempt: AttemptId): string {
  return `${prefixOf(name, attempt.jobId)}${attempt.fence}${SUFFIX}`;
}

/** The fence of the attempt whose temp for `name` this is; undefined when it is no temp of that job for that name. */
export function fenceOfTemp(temp: string, name: string, jobId: string): number | undefined {
  const prefix = prefixOf(name, jobId);
  if (!temp.startsWith(prefix) || !temp.endsWith(SUFFIX)) return undefined;
  const fence = temp.slice(prefix.length, -SUFFIX.length);
  return FENCE.test(fence) ? Number(fence) : undefined;
}

/** Whether this is a temp of any job for `name`; such a name no archive bears, as {@link looksLikeTempName} says. */
export function isTempFor(temp: string, name: string): boolean {
  const start = `.${stemOf(name)}.`;
  return temp.startsWith(start) && OF_AN_ATTEMPT.test(temp.slice(start.length));
}

/** Whether an archive must not bear this name because temps of some job do. */
export function looksLikeTempName(name: string): boolean {
  return TEMP.test(name);
}

/** A file that a root is tried with: of one name, or of one more where somebody has that. */
export function probeName(mark?: string): string {
  return mark === undefined ? '.tidemark.probe' : `.tidemark-${mark}.probe`;
}

/** Whether an archive must not bear this name because it would be removed when its root is tried. */
export function looksLikeProbe(name: string): boolean {
  return /^\.tidemark(-[0-9a-f]{16})?\.probe$/i.test(name);
}

function prefixOf(name: string, jobId: string): string {
  if (!JOB_ID.test(jobId)) throw new RangeError('a job id is of letters, digits and -, at most 36 of them');
  return `.${stemOf(name)}.${jobId}.`;
}

function stemOf(name: string): string {
  if (Buffer.byteLength(name) <= STEM_BYTES) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_DIGITS);
  return `${cutToBytes(name, STEM_BYTES - HASH_DIGITS - 1)}~${hash}`;
}

/** The longest beginning of whole characters that fits. */
function cutToBytes(text: string, bytes: number): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytes));
  return text.slice(0, read);
}
