import { once } from 'node:events';
import { createServer } from 'node:net';

import { PortInUseError } from '@tidemark/nest';
import { ConfigError, unusedPort } from '@tidemark/platform';

/**
 * The port, or for 0 one that is free. Throws {@link PortInUseError} or ConfigError, with the name of the setting, before
 * anything is started that would have to be stopped again.
 */
export async function findPort({
  host,
  port,
  setting,
}: {
  host: string;
  port: number;
  setting: string;
}): Promise<number> {
  const server = createServer();
  try {
    if (port === 0) return await unusedPort(host);
    await once(server.listen({ host, port }), 'listening');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') throw new PortInUseError(port, setting, error);
    throw new ConfigError(`HOST, ${setting}: ${message}`, { cause: error });
  }
  server.close();
  await once(server, 'close');
  return port;
}
