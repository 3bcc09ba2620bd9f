import { rm } from 'node:fs/promises';

import { KeptProgram } from '../host/kept-program.js';
import type { Keeper } from '../keeper/keeper.js';
import { askPostgres } from './ask-postgres.js';
import type { Launched } from './launch.js';
import type { LocalPostgres } from './local-postgres.js';
import { serverLog, serverUrl, type ClusterPlace } from './place.js';
import { endServer } from './postmaster.js';

/** Logs in once, as every client will, and hands the server over. */
export async function keepServer(place: ClusterPlace, keeper: Keeper, launched: Launched): Promise<LocalPostgres> {
  const { port, running, logOffset } = launched;
  const url = await serverUrl(place, port);
  const [row] = await askPostgres(url, 'SHOW server_version');
  const log = { file: serverLog(place), offset: logOffset };
  const kept = new KeptProgram({ keeper, running, log, endOrphan: () => endOrphan(place) });
  return { url, port, version: row?.[0] ?? '', pid: running.pid, exited: kept.exited, stop: () => kept.stop() };
}

async function endOrphan(place: ClusterPlace): Promise<void> {
  await endServer(place);
  if (place.temporary) await rm(place.folder, { recursive: true, force: true });
}
