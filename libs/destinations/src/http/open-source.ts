import type { ArchiveSource, OnCopied } from '../destination.js';
import { parseUnsatisfiedRange, type ContentRange } from './content-range.js';
import type { HttpAnswer } from './answer.js';
import type { HttpClient } from './http-client.js';
import type { HttpLimits } from './http-limits.js';
import { HttpSource } from './http-source.js';
import { identityOf, type Identity } from './identity.js';
import { endsOf, judgeAnswer, rangedGet, wrongAnswer, type RangeEnds } from './ranged-get.js';
import { coded, withRetries } from './retry-rule.js';
import { copyWhole } from './whole-copy.js';

/** An archive opened for reading, and by what it is known again. */
export interface OpenedSource {
  readonly source: ArchiveSource;
  readonly identity: Identity;
}

export interface OpeningParts {
  readonly client: HttpClient;
  readonly limits: HttpLimits;
  /** Folder for the copy of an archive that its server cannot send in ranges. */
  readonly spool: string;
  readonly onCopied?: OnCopied | undefined;
}

/** What the first two bytes tell of what lies at a URL: whether it comes in ranges, of which dialect. */
type Found =
  | { readonly how: 'IN_RANGES'; readonly identity: Identity; readonly ends: RangeEnds }
  | { readonly how: 'WHOLE'; readonly answer: HttpAnswer };

/** Opens what lies at the URL for reading in place; a copy is made where its server knows no ranges. */
export async function openSource(parts: OpeningParts, signal: AbortSignal): Promise<OpenedSource> {
  const { client, limits, spool, onCopied } = parts;
  const openOnce = async (): Promise<OpenedSource> => {
    const found = await find(client, signal);
    if (found.how === 'IN_RANGES') return { source: new HttpSource(client, found, limits), identity: found.identity };
    const { copyBytes } = limits;
    const source = await copyWhole(found.answer, { spool, display: client.display, copyBytes, onCopied });
    return { source, identity: identityOf(found.answer, source.size) };
  };
  return coded(withRetries(limits.retries, openOnce, signal));
}

/** By what the archive at the URL is known again; its bytes are not read, unless nothing else tells how many they are. */
export async function lookAt({ client, limits }: OpeningParts, signal: AbortSignal): Promise<Identity> {
  const lookOnce = async (): Promise<Identity> => {
    const found = await find(client, signal);
    if (found.how === 'IN_RANGES') return found.identity;
    const { answer } = found;
    let { length } = answer;
    if (length === undefined) {
      length = 0;
      for await (const chunk of answer.chunks()) length += chunk.length;
    }
    answer.destroy();
    return identityOf(answer, length);
  };
  return coded(withRetries(limits.retries, lookOnce, signal));
}

async function find(client: HttpClient, signal: AbortSignal): Promise<Found> {
  const answer = await rangedGet(client, { start: 0, until: 2, ends: 'INCLUSIVE' }, signal);
  const nothing = answer.status === 416 ? parseUnsatisfiedRange(answer.header('content-range')) === 0 : false;
  if (nothing) {
    await answer.discard();
    return { how: 'IN_RANGES', identity: identityOf(answer, 0), ends: 'INCLUSIVE' };
  }
  const range = judgeAnswer(answer, client.display);
  return range === 'WHOLE' ? { how: 'WHOLE', answer } : await inRanges(client, answer, range);
}

async function inRanges({ display }: HttpClient, answer: HttpAnswer, range: ContentRange): Promise<Found> {
  if (range.start !== 0) throw wrongAnswer(answer, display, 'it sent another range than it was asked for');
  if (range.total === undefined) throw wrongAnswer(answer, display, 'it does not tell how large the archive is');
  let came = 0;
  for await (const chunk of answer.chunks()) {
    came += chunk.length;
    if (came > 2) break;
  }
  return {
    how: 'IN_RANGES',
    identity: identityOf(answer, range.total),
    ends: endsOf(range, came) ?? 'INCLUSIVE',
  };
}
