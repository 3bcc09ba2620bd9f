import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { isThere } from '../host/folders.js';
import type { ServerUser } from '../host/server-user.js';
import { makeWhole } from '../host/whole-folder.js';
import { ADMINISTRATOR, identityFile, nodeFolder, stateFolder, type BrokerPlace, type Identity } from './place.js';

/** Names are looked up here and nowhere else: no resolver of the machine is asked, no helper process started for it. */
const NAMES = `{lookup, [file]}.
{hosts_file, ""}.
{host, {127,0,0,1}, ["localhost"]}.
`;

/** Memory stays small: the write-ahead log of quorum queues is held in it, and is 512 MB large by default. */
const configuration = (password: string): string => `default_user = ${ADMINISTRATOR}
default_pass = ${password}
vm_memory_high_watermark.absolute = 512MiB
raft.wal_max_size_bytes = 33554432
log.file = false
log.console = true
log.console.level = info
log.connection.level = warning
`;

/** Makes the node if the folder has none: its name, a random password and cookie, its settings. Whole or not at all. */
export async function makeNode(place: BrokerPlace): Promise<void> {
  const node = nodeFolder(place);
  if (!(await isThere(node))) await makeWhole(node, ({ folder }) => layOut(folder, place.user));
}

/** The folder itself stays ours and can be entered; `state` in it is of the user who runs the broker, and nobody else's. */
async function layOut(folder: string, user: ServerUser | undefined): Promise<void> {
  const nodeName = `tidemark-${randomBytes(6).toString('hex')}@localhost`;
  const identity: Identity = { nodeName, password: randomBytes(24).toString('hex') };
  const state = stateFolder(folder);
  await mkdir(state, { recursive: true, mode: 0o700 });
  await chmod(folder, user ? 0o711 : 0o700);
  await writeFile(identityFile(folder), JSON.stringify(identity), { mode: 0o600 });
  const files = {
    '.erlang.cookie': randomBytes(24).toString('hex'),
    'rabbitmq.conf': configuration(identity.password),
    enabled_plugins: '[].\n',
    'environment.conf': '',
    names: NAMES,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(state, name), text, { mode: 0o400 });
  if (!user) return;
  for (const name of await readdir(state)) await chown(join(state, name), user.uid, user.gid);
  await chown(state, user.uid, user.gid);
}
