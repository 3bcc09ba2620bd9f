import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ServerUser } from '../host/server-user.js';
import type { BrokerPrograms } from './broker-programs.js';

/**
 * Where a broker lies, and who runs it with what: `<folder>/node/{identity.json,state}`, `<folder>/processes.json`,
 * `<folder>/server.log`.
 */
export interface BrokerPlace {
  readonly folder: string;
  readonly programs: BrokerPrograms;
  readonly user: ServerUser | undefined;
  /** Nobody will miss it: it is ended without asking, and the folder goes with the broker. */
  readonly temporary: boolean;
}

/** What a broker keeps from start to start: its queues lie under the node's name. */
export interface Identity {
  /** Of the Erlang node, such as `tidemark-0f3a@localhost`: no other has it. */
  readonly nodeName: string;
  readonly password: string;
}

/** The administrator of every broker made here. */
export const ADMINISTRATOR = 'tidemark';

type Folder = Pick<BrokerPlace, 'folder'>;

export const nodeFolder = ({ folder }: Folder): string => join(folder, 'node');
export const identityFile = (node: string): string => join(node, 'identity.json');
/** What belongs to the user who runs the broker. */
export const stateFolder = (node: string): string => join(node, 'state');
export const serverLog = ({ folder }: Folder): string => join(folder, 'server.log');

export async function readIdentity(place: Folder): Promise<Identity> {
  return JSON.parse(await readFile(identityFile(nodeFolder(place)), 'utf8')) as Identity;
}

export function brokerUrl({ password }: Identity, port: number): string {
  return `amqp://${ADMINISTRATOR}:${password}@127.0.0.1:${port}`;
}
