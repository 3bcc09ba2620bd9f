import { rm } from 'node:fs/promises';

import type { Keeper, ProgramExit } from '../keeper/keeper.js';
import { askPostgres } from './ask-postgres.js';
import { lastLines } from './explain.js';
import type { Launched } from './launch.js';
import type { LocalPostgres, ServerExit } from './local-postgres.js';
import { serverLog, serverUrl, type ClusterPlace } from './place.js';
import { endServer } from './postmaster.js';

/** A launched server and the keeper that ends it when we do. */
export class KeptServer implements LocalPostgres {
  readonly port: number;
  readonly pid: number;
  readonly exited: Promise<ServerExit>;
  readonly #place: ClusterPlace;
  readonly #keeper: Keeper;
  readonly #logOffset: number;
  #stopping = false;

  private constructor(
    kept: { place: ClusterPlace; keeper: Keeper; launched: Launched },
    readonly url: string,
    readonly version: string,
  ) {
    this.port = kept.launched.port;
    this.pid = kept.launched.running.pid;
    this.#place = kept.place;
    this.#keeper = kept.keeper;
    this.#logOffset = kept.launched.logOffset;
    this.exited = kept.launched.running.exited.then((exit) => this.#ended(exit));
  }

  /** Logs in once, as every client will; from then on the server does not keep our process from ending. */
  static async greet(place: ClusterPlace, keeper: Keeper, launched: Launched): Promise<KeptServer> {
    const url = await serverUrl(place, launched.port);
    const [row] = await askPostgres(url, 'SHOW server_version');
    keeper.release();
    return new KeptServer({ place, keeper, launched }, url, row?.[0] ?? '');
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#keeper.close();
    await this.exited;
  }

  async #ended({ code, signal, keeperLost }: ProgramExit): Promise<ServerExit> {
    const log = this.#stopping ? [] : await lastLines(serverLog(this.#place), this.#logOffset).catch(() => []);
    const left = keeperLost ? await this.#endOrphan() : [];
    return { expected: this.#stopping, code, signal, lastLines: [...log, ...left] };
  }

  /** Nobody saw the server end, so it may still run; what its keeper would have done is done here. */
  async #endOrphan(): Promise<string[]> {
    try {
      await endServer(this.#place);
      if (this.#place.temporary) await rm(this.#place.folder, { recursive: true, force: true });
      return ['the keeper of the server was killed'];
    } catch (error) {
      return ['the keeper of the server was killed', String(error)];
    }
  }
}
