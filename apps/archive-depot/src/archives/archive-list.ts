import { ParameterInvalidError } from '@tidemark/contracts';

import type { ArchiveFacts } from '../store/archive-folder.js';
import type { Store } from '../store/store.js';

/** One page of archives in the order of their names, and every upload that is not whole yet. */
export interface ArchiveList {
  readonly archives: readonly ArchiveFacts[];
  readonly nextPageLink?: string;
  readonly uploads: readonly {
    readonly name: string;
    readonly upload?: string;
    readonly totalBytes: number;
    readonly coveredBytes: number;
    readonly touchedAtMicros: number;
  }[];
}

const PAGE = 1000;

/** The query is empty or `after=<name>`. Throws PARAMETER_INVALID. */
export async function listArchives({ folder, uploads }: Store, query: string): Promise<ArchiveList> {
  const asked = new URLSearchParams(query);
  const after = asked.get('after') ?? '';
  for (const parameter of asked.keys()) {
    if (parameter !== 'after') throw new ParameterInvalidError(parameter.slice(0, 100), 'is not known; after is');
  }
  const names = (await folder.names()).filter((name) => name > after);
  const page = names.slice(0, PAGE);
  const archives: ArchiveFacts[] = [];
  for (const name of page) {
    const facts = await folder.look(name);
    if (facts) archives.push(facts);
  }
  const last = names.length > PAGE ? page.at(-1) : undefined;
  return {
    archives,
    ...(last === undefined ? {} : { nextPageLink: `/archives/?after=${encodeURIComponent(last)}` }),
    uploads: uploads.all.map(({ facts: { name, total, upload }, coverage, touchedMicros }) => ({
      name,
      ...(upload === undefined ? {} : { upload }),
      totalBytes: total,
      coveredBytes: coverage.bytes,
      touchedAtMicros: Math.round(touchedMicros),
    })),
  };
}
