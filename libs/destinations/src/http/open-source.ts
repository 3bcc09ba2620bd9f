import type { ArchiveSource } from '../destination.js';
import { parseUnsatisfiedRange, type ContentRange } from './content-range.js';
import type { HttpAnswer } from './answer.js';
import type { HttpClient } from './http-client.js';
import type { HttpLimits } from './http-limits.js';
import { HttpSource } from './http-source.js';
import { identityOf, type Identity } from './identity.js';
import { endsOf, judgeAnswer, rangedGet, wrongAnswer } from './ranged-get.js';
import { coded, withRetries } from './retry-rule.js';
import { copyWhole } from './whole-copy.js';

export interface OpenedSource {
  readonly source: ArchiveSource;
  readonly identity: Identity;
}

export interface OpeningParts {
  readonly client: HttpClient;
  readonly limits: HttpLimits;
  /** Folder for the copy of an archive that its server cannot send in ranges. */
  readonly spool: string;
}

/** Opens what lies at the URL by asking for its first two bytes: their answer tells size, dialect and identity. */
export async function openSource(parts: OpeningParts, signal: AbortSignal): Promise<OpenedSource> {
  return coded(withRetries(parts.limits.retries, () => openOnce(parts, signal), signal));
}

async function openOnce(parts: OpeningParts, signal: AbortSignal): Promise<OpenedSource> {
  const { client, limits } = parts;
  const answer = await rangedGet(client, { start: 0, until: 2, ends: 'INCLUSIVE' }, signal);
  const nothing = answer.status === 416 ? parseUnsatisfiedRange(answer.header('content-range')) === 0 : false;
  if (nothing) {
    await answer.discard();
    return inRanges(parts, identityOf(answer, 0), 'INCLUSIVE');
  }
  const range = judgeAnswer(answer, client.display);
  if (range === 'WHOLE') {
    const { copyBytes } = limits;
    const source = await copyWhole(answer, { spool: parts.spool, display: client.display, copyBytes });
    return { source, identity: identityOf(answer, source.size) };
  }
  return openRanged(parts, answer, range);
}

async function openRanged(parts: OpeningParts, answer: HttpAnswer, range: ContentRange): Promise<OpenedSource> {
  const { display } = parts.client;
  if (range.start !== 0) throw wrongAnswer(answer, display, 'it sent another range than it was asked for');
  if (range.total === undefined) throw wrongAnswer(answer, display, 'it does not tell how large the archive is');
  let came = 0;
  for await (const chunk of answer.chunks()) {
    came += chunk.length;
    if (came > 2) break;
  }
  return inRanges(parts, identityOf(answer, range.total), endsOf(range, came) ?? 'INCLUSIVE');
}

function inRanges({ client, limits }: OpeningParts, identity: Identity, ends: 'INCLUSIVE' | 'EXCLUSIVE'): OpenedSource {
  return { source: new HttpSource(client, { identity, ends }, limits), identity };
}
