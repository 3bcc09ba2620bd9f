import { randomBytes } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';

import { namingFolder } from '../host/explain.js';
import { makeOpenFolder, temporaryFolder } from '../host/folders.js';
import { Keeper } from '../keeper/keeper.js';
import type { LocalRabbitMq } from './local-rabbitmq.js';
import { makeNode } from './make-node.js';
import { findBrokerPrograms } from './programs.js';
import { newUser, startBroker, type RabbitMqOptions } from './start-rabbitmq.js';

/**
 * Starts a broker on a new folder below the temporary one. Folder and broker go with `stop`, and with this process
 * however it ends.
 */
export async function temporaryRabbitMq(options: Omit<RabbitMqOptions, 'folder'>): Promise<LocalRabbitMq> {
  const programs = options.programs ?? (await findBrokerPrograms(options.log));
  const user = await newUser(programs);
  const above = await realpath(await temporaryFolder(user));
  const folder = join(above, `tidemark-rabbitmq-${randomBytes(6).toString('hex')}`);
  const keeper = await Keeper.open({ removeAtEnd: folder });
  try {
    return await namingFolder(folder, async () => {
      await makeOpenFolder(folder);
      const place = { folder, user, programs, temporary: true };
      await makeNode(place);
      return startBroker(place, keeper, options);
    });
  } catch (error) {
    await keeper.close();
    throw error;
  }
}
