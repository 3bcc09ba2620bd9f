import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { NginxStartError, PortTakenError } from '../errors.js';
import { lastLines } from '../host/explain.js';
import { makeOpenFolder, temporaryFolder } from '../host/folders.js';
import { freePort } from '../host/free-port.js';
import { hasSaid } from '../host/said.js';
import { Keeper } from '../keeper/keeper.js';
import type { NginxProgram } from './find-nginx.js';

export interface NginxOptions {
  readonly program: NginxProgram;
  /** Lines for its one `server` block: what it serves, and how. */
  readonly server: string;
  /** Of its access log, in nginx's variables. */
  readonly logFormat: string;
}

/** An nginx on a port of 127.0.0.1. */
export interface TemporaryNginx {
  readonly url: string;
  readonly pid: number;
  /** The lines of its access log, of every request that was answered before. */
  requests(): Promise<string[]>;
  stop(): Promise<void>;
}

/** The last that nginx says before it takes connections; its port is open by then. */
const READY = 'getrlimit(RLIMIT_NOFILE)';
const PORT_ATTEMPTS = 5;
const UNLOGGED = '/.unlogged';

/** Starts an nginx of one process in a new folder. Both go with `stop`, and with our process however it ends. */
export async function temporaryNginx(options: NginxOptions): Promise<TemporaryNginx> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(options);
    } catch (error) {
      if (!(error instanceof PortTakenError) || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function startOnce({ program, server, logFormat }: NginxOptions): Promise<TemporaryNginx> {
  const folder = join(await temporaryFolder(undefined), `tidemark-nginx-${randomBytes(6).toString('hex')}`);
  const keeper = await Keeper.open({ removeAtEnd: folder });
  try {
    await makeOpenFolder(folder);
    await mkdir(join(folder, 'temporary'));
    const port = await freePort(0);
    await writeFile(join(folder, 'nginx.conf'), configuration({ folder, port, server, logFormat }));
    const pid = await run(program, { keeper, folder, port });
    keeper.release();
    const url = `http://127.0.0.1:${port}`;
    return {
      url,
      pid,
      requests: async () => {
        // A line is written after its answer; one process does the one thing before the other.
        await (await fetch(`${url}${UNLOGGED}`)).text();
        return (await readFile(accessLog(folder), 'utf8')).split('\n').filter((line) => line !== '');
      },
      stop: () => keeper.close(),
    };
  } catch (error) {
    await keeper.close();
    throw error;
  }
}

interface Place {
  readonly folder: string;
  readonly port: number;
}

/** Resolves with its process when it listens. */
async function run({ command, env }: NginxProgram, { keeper, folder, port }: Place & { keeper: Keeper }) {
  const output = join(folder, 'server.log');
  const { pid, exited } = await keeper.run({
    command,
    args: ['-p', folder, '-c', join(folder, 'nginx.conf')],
    env,
    output,
    ending: [
      { signal: 'SIGTERM', millis: 2_000 },
      { signal: 'SIGKILL', millis: 5_000 },
    ],
  });
  if (await hasSaid(READY, { log: { file: output, offset: 0 }, ended: exited, signal: undefined })) return pid;
  const lines = await lastLines(output, 0);
  if (lines.some((line) => line.includes('Address already in use'))) throw new PortTakenError(port);
  throw new NginxStartError(lines);
}

const accessLog = (folder: string): string => join(folder, 'access.log');
const TEMPORARY_PATHS = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

/** In the foreground, without a master process, and with everything that it writes in `folder`. */
function configuration({ folder, port, server, logFormat }: Place & Pick<NginxOptions, 'server' | 'logFormat'>) {
  return `
daemon off;
master_process off;
pid ${join(folder, 'nginx.pid')};
error_log stderr notice;
events {}
http {
  default_type application/octet-stream;
  log_format wanted '${logFormat}';
  access_log ${accessLog(folder)} wanted;
  ${TEMPORARY_PATHS.map((name) => `${name}_temp_path ${join(folder, 'temporary', name)};`).join('\n  ')}
  server {
    listen 127.0.0.1:${port};
    location = ${UNLOGGED} { access_log off; return 204; }
    ${server}
  }
}
`;
}
