import { join } from 'node:path';

import { prepareRoots } from '@tidemark/destinations';

import type { StandaloneSettings } from './config.js';
import { allowsOwnDepot } from './depot.js';
import type { Standalone } from './standalone.js';

const NO_DEPOT = 'none: with TIDEMARK_API_TOKENS set it wants a token of its own, TIDEMARK_DEPOT_TOKENS';

/** What a person reads when standalone is ready: where it is, where things lie, what `more` there is, what to try first. */
export async function banner(
  { url, depotUrl }: Standalone,
  settings: StandaloneSettings,
  more: readonly string[] = [],
): Promise<string> {
  const roots = await prepareRoots(settings.TIDEMARK_FILE_ROOTS);
  const usable = roots.filter(({ complaint }) => complaint === undefined).map(({ root }) => root);
  const complaints = roots.flatMap(({ complaint }) => (complaint === undefined ? [] : [`  ${complaint}`]));
  const archive = join(usable[0] ?? settings.TIDEMARK_HOME, 'tidemark-backup.zip');
  const hasTokens = settings.TIDEMARK_API_TOKENS !== undefined;
  return [
    `Tidemark is ready at ${url}`,
    '',
    `  documents  ${settings.DATABASE_URL === undefined ? settings.TIDEMARK_HOME : 'the database of DATABASE_URL'}`,
    `  archives   ${usable.join(', ')}`,
    ...complaints,
    `  depot      ${depotUrl === undefined ? NO_DEPOT : `${depotUrl}/archives/  (${useOfDepot(settings)})`}`,
    ...(more.length > 0 ? ['', ...more.map((line) => `  ${line}`)] : []),
    '',
    '  Put a document in, back up, and look at the job:',
    ...(hasTokens ? ["  (each call with -H 'Authorization: Bearer <token>', one of TIDEMARK_API_TOKENS)"] : []),
    `  curl -X POST -H 'Content-Type: application/json' -d '{"documentSelfLink":"first","text":"hello"}' ${url}/notes`,
    `  curl -X PATCH -H 'Content-Type: application/json' -H 'Prefer: wait=60' -d '{"kind":"com:vmware:xenon:services:common:ServiceHostManagementService:BackupRequest","destination":"file:${archive}"}' ${url}/core/management`,
    '',
    '  Ctrl-C stops it.',
    '',
  ].join('\n');
}

function useOfDepot(settings: StandaloneSettings): string {
  const where = allowsOwnDepot(settings) ? '' : ' where TIDEMARK_HTTP_ALLOW has it';
  const how = settings.TIDEMARK_DEPOT_TOKENS.length > 0 ? ', with a token of TIDEMARK_DEPOT_TOKENS as bearer' : '';
  return `destinations may be there${where}${how}`;
}
