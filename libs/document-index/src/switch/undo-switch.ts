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
  const places = await whileNobodyWrites(context, (client) => changePlaces(client, context.indexId, request));
  if (places.outcome === 'REFUSED') return places;
  const versionsLeftBehind = await withClient(context.pool, (client) => countLeftBehind(client, { previous, live }));
  return { ...places, versionsLeftBehind };
}

type Places = Extract<UndoAnswer, { outcome: 'REFUSED' }> | { outcome: 'SWITCHED'; floorMicros: number };

async function changePlaces(
  client: pg.PoolClient,
  indexId: number,
  { wantedLive, wantedPrevious }: UndoRequest,
): Promise<Places> {
  const { live, previous, floor } = await readPointer(client, indexId);
  if (live === wantedLive && previous === wantedPrevious) return { outcome: 'SWITCHED', floorMicros: floor };
  if (live !== wantedPrevious || previous !== wantedLive) return { outcome: 'REFUSED', live, previous };
  // The floor also rises over every stamp that the generation which goes has given out, and always.
  const { rows } = await client.query<{ floor: number }>(
    `UPDATE catalog.index SET live_generation = $2, previous_generation = $3,
      stamp_floor = greatest(stamp_floor + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) WHERE id = $1
      RETURNING stamp_floor AS floor`,
    [indexId, wantedLive, wantedPrevious],
  );
  return { outcome: 'SWITCHED', floorMicros: rows[0]?.floor ?? floor };
}
