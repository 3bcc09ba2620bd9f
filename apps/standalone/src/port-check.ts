import { once } from 'node:events';
import { createServer } from 'node:net';

import { PortInUseError } from '@tidemark/nest';
import { ConfigError } from '@tidemark/platform';

/** Throws {@link PortInUseError} or ConfigError before anything is started that would have to be stopped again. */
export async function checkPortFree({ host, port }: { host: string; port: number }): Promise<void> {
  const server = createServer();
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') throw new PortInUseError(port, 'PORT', error);
    throw new ConfigError(`HOST, PORT: ${message}`, { cause: error });
  }
  server.close();
  await once(server, 'close');
}
