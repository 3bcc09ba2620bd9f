import { dirname } from 'node:path';

import { findCommand, pathFolders } from '../host/commands.js';
import type { NodePrograms } from './broker-programs.js';

/** Where Debian and RPM keep the scripts themselves; theirs in the PATH insist on being the system's own broker. */
const PACKAGED = '/usr/lib/rabbitmq/bin';

/** The programs that are installed on this machine. */
export async function findInstalled(): Promise<NodePrograms | string> {
  const server = await findCommand('rabbitmq-server', [PACKAGED, ...pathFolders()]);
  if (server === undefined) return 'rabbitmq-server is neither installed nor in the PATH';
  const epmd = await findCommand('epmd', [dirname(server), ...pathFolders(), '/usr/bin']);
  if (epmd === undefined) return `${server} is there, but no epmd of Erlang in the PATH`;
  const path = [...pathFolders(), dirname(epmd), '/usr/bin', '/bin'].join(':');
  return { kind: 'node', server, epmd, path, from: server };
}
