import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';

import type { BuildStatus, Range, SwitchAnswer } from '@tidemark/contracts';
import type { DocumentIndex } from '@tidemark/document-index';

/** A snapshot held in memory: its rows as COPY text, in parts. Only for small indexes. */
export interface CopiedSnapshot {
  readonly system: string;
  readonly generation: number;
  readonly closedTimeMicros: number;
  readonly documents: number;
  readonly parts: readonly Buffer[];
}

export async function copySnapshot(index: DocumentIndex, partBytes = 64 * 1024): Promise<CopiedSnapshot> {
  const facts = await index.snapshots.open({ jobId: randomUUID(), fence: 1 }, partBytes);
  try {
    const parts: Buffer[] = [];
    for (const range of facts.ranges) parts.push(await copyRange(index, facts.sessionId, range));
    const documents = await index.snapshots.countDocuments(facts.sessionId);
    const { system, generation, closedTimeMicros } = facts;
    return { system, generation, closedTimeMicros, documents, parts };
  } finally {
    await index.snapshots.close(facts.sessionId);
  }
}

/** One range of an open snapshot, whole. */
export async function copyRange(index: DocumentIndex, sessionId: string, range: Range): Promise<Buffer> {
  const { rows, end } = await index.snapshots.copy(sessionId, range);
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of rows) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  } finally {
    await end();
  }
}

export interface StageOptions {
  readonly boundaryMicros?: number | null;
  readonly jobId?: string;
  readonly fence?: number;
}

/** Loads and builds a staged generation from a copied snapshot, without switching to it. */
export async function stage(
  index: DocumentIndex,
  copied: CopiedSnapshot,
  { boundaryMicros = null, jobId = randomUUID(), fence = 1 }: StageOptions = {},
): Promise<{ jobId: string; generation: number; expectedLive: number; status: BuildStatus }> {
  const stamps = rowsOf(copied).map(({ stamp }) => stamp);
  const { sessionId, generation, expectedLive } = await index.staged.open({
    jobId,
    fence,
    archive: {
      manifestSha256: 'x',
      system: copied.system,
      generation: copied.generation,
      closedTimeMicros: copied.closedTimeMicros,
      documents: copied.documents,
      versions: stamps.length,
      earliestUpdateTimeMicros: stamps.length === 0 ? null : Math.min(...stamps),
      latestUpdateTimeMicros: stamps.length === 0 ? null : Math.max(...stamps),
    },
    boundaryMicros,
  });
  for (const [part, rows] of copied.parts.entries()) await index.staged.load(sessionId, part, Readable.from([rows]));
  index.staged.build(sessionId);
  const status = await index.staged.built(sessionId);
  await index.staged.close(sessionId);
  return { jobId, generation, expectedLive, status };
}

/** Restores a copied snapshot over the live index. */
export async function restore(
  index: DocumentIndex,
  copied: CopiedSnapshot,
  options: StageOptions = {},
): Promise<SwitchAnswer> {
  const { jobId, generation, expectedLive, status } = await stage(index, copied, options);
  if (status.state !== 'DONE') throw new Error(`not built: ${JSON.stringify(status)}`);
  return await index.switch({ jobId, generation, expectedLive });
}

export interface CopiedRow {
  readonly link: string;
  readonly version: number;
  readonly stamp: number;
  readonly action: string;
  readonly line: string;
}

/** The rows of a copied snapshot, in no promised order. */
export function rowsOf({ parts }: CopiedSnapshot): CopiedRow[] {
  const lines = Buffer.concat([...parts])
    .toString()
    .split('\n')
    .slice(0, -1);
  return lines.map((line) => {
    const [link = '', version, stamp, action = ''] = line.split('\t');
    return { link, version: Number(version), stamp: Number(stamp), action, line };
  });
}

/** Every version as a sorted list of COPY lines: equal lists are equal indexes. */
export async function contentOf(index: DocumentIndex): Promise<string[]> {
  return rowsOf(await copySnapshot(index))
    .map(({ line }) => line)
    .sort();
}
