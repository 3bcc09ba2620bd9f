import type pg from 'pg';

import type { UndoAnswer, UndoRequest } from '@tidemark/contracts';

import { readPointer } from '../catalog/catalog.js';
import { withClient } from '../postgres/transaction.js';
import { whileNobodyWrites, type SwitchContext } from './switch-lock.js';
import { countLeftBehind } from './versions-left-behind.js';

/**
 * Lets live and previous generation change places, by one update of the pointer, unless they stand as wanted already.
 * Refused where they are not the two that are in service. Throws SwitchBusyError when writers kept the lock.
 */
export async function undoSwitch(context: SwitchContext, request: UndoRequest): Promise<UndoAnswer> {
  const { wantedLive: live, wantedPrevious: previous } = request;
  const refused = await whileNobodyWrites(context, (client) => changePlaces(client, context.indexId, request));
  if (refused) return refused;
  const versionsLeftBehind = await withClient(context.pool, (client) => countLeftBehind(client, { previous, live }));
  return { outcome: 'SWITCHED', versionsLeftBehind };
}

async function changePlaces(
  client: pg.PoolClient,
  indexId: number,
  { wantedLive, wantedPrevious }: UndoRequest,
): Promise<UndoAnswer | undefined> {
  const { live, previous } = await readPointer(client, indexId);
  if (live === wantedLive && previous === wantedPrevious) return undefined;
  if (live !== wantedPrevious || previous !== wantedLive) return { outcome: 'REFUSED', live, previous };
  // The floor also rises over every stamp that the generation which goes has given out.
  await client.query(
    `UPDATE catalog.index SET live_generation = $2, previous_generation = $3,
      stamp_floor = greatest(stamp_floor, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) WHERE id = $1`,
    [indexId, wantedLive, wantedPrevious],
  );
  return undefined;
}
