import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  BACKUP_KIND,
  createTestDatabase,
  PostgresProxy,
  RESTORE_KIND,
  type Job,
  type RawAnswer,
  type RunningSystem,
  type SystemOptions,
  type TestDatabase,
} from '@tidemark/testing';

import { newCanaries, Sightings } from './canaries.fixture.test.js';
import { RangedServer } from './ranged-server.fixture.test.js';

const USES = [
  ...(['bearer', 'reader', 'operator', 'worker', 'guess'] as const),
  ...(['signature', 'database', 'broker', 'userinfo'] as const),
];
type Canary = (typeof USES)[number];

/** A system at its most talkative log level with a secret wherever one can be, and somebody who asks much of it. */
export class TalkativeSystem<S extends RunningSystem = RunningSystem> {
  readonly sightings = new Sightings();

  private constructor(
    readonly it: S,
    readonly proxy: PostgresProxy,
    readonly database: TestDatabase,
    readonly canaries: Record<Canary, string>,
    readonly server: RangedServer,
  ) {}

  static async open<S extends RunningSystem>(
    start: (options: SystemOptions) => Promise<S>,
    settings: (canaries: Record<Canary, string>) => Record<string, string> = () => ({}),
  ): Promise<TalkativeSystem<S>> {
    const canaries = newCanaries(...USES);
    const [proxy, database, server] = await Promise.all([
      PostgresProxy.open(),
      createTestDatabase(),
      RangedServer.open(),
    ]);
    const it = await start({
      proxy,
      like: {
        home: await mkdtemp(join(tmpdir(), 'tidemark-canary-')),
        databaseUrl: withPassword(database.url, canaries.database),
        services: undefined,
      },
      settings: {
        TIDEMARK_LOG_LEVEL: 'trace',
        TIDEMARK_WORKER_TOKENS: canaries.worker,
        TIDEMARK_WORKER_TOKEN: canaries.worker,
        TIDEMARK_API_TOKENS: `look:reader:${canaries.reader},ops:operator:${canaries.operator}`,
        TIDEMARK_HTTP_ALLOW: `https://10.1.2.3/archives, ${server.url}`,
        TIDEMARK_HTTP_ALLOW_PRIVATE: '127.0.0.1',
        ...settings(canaries),
      },
    });
    return new TalkativeSystem(it, proxy, database, canaries, server);
  }

  call(
    method: string,
    path: string,
    { body, token = this.canaries.operator }: { body?: string | object; token?: string } = {},
  ): Promise<RawAnswer> {
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    return this.sightings.call(this.it.url, {
      method,
      path,
      headers: { authorization: `Bearer ${token}`, prefer: 'wait=60', ...type },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  }

  async request(body: string | object): Promise<{ status: number; job: Job; code: string | undefined }> {
    const { status, text } = await this.call('PATCH', '/core/management', { body });
    const parsed = JSON.parse(text) as Job & { code?: string };
    return { status, job: parsed, code: parsed.code };
  }

  archive(name = 'a'): string {
    return `file:${this.it.archives}/${name}.zip`;
  }

  /** Of an address that may not be used. */
  get signedUrl(): string {
    return this.#signed('https://10.1.2.3/archives/a.zip');
  }

  /** Where there is a server. */
  get servedUrl(): string {
    return this.#signed(this.server.url);
  }

  #signed(url: string): string {
    return `${url}?X-Amz-Date=20261123&X-Amz-Signature=${this.canaries.signature}`;
  }

  backup(fields: object = {}): object {
    return { kind: BACKUP_KIND, destination: this.archive(), bearer: this.canaries.bearer, ...fields };
  }

  restore(fields: object = {}): object {
    return this.backup({ kind: RESTORE_KIND, ...fields });
  }

  /** Every connection to the database is cut for a while. */
  async whileDatabaseIsAway(work: () => Promise<unknown>): Promise<void> {
    this.proxy.cut();
    await work();
    this.proxy.mend();
  }

  async close(): Promise<void> {
    await this.it.remove();
    await this.server.close();
    await this.proxy.close();
    await this.database.drop();
  }
}

function withPassword(databaseUrl: string, password: string): string {
  const url = new URL(databaseUrl);
  url.username ||= 'postgres';
  url.password = password;
  return url.href;
}

type Refusal = [what: string, body: (to: TalkativeSystem) => string | object, code: string];

const refusal = (...row: Refusal): Refusal => row;

/** A request that is refused -> the code that it is refused with. */
export const REFUSED = [
  refusal('a signed URL', (to) => to.backup({ destination: to.signedUrl }), 'DESTINATION_NOT_ALLOWED'),
  refusal(
    'a signed URL elsewhere',
    (to) => to.backup({ destination: to.signedUrl.replace('10.1.2.3', 'depot.example.org') }),
    'DESTINATION_NOT_ALLOWED',
  ),
  refusal('a broken signed URL', (to) => to.backup({ destination: `${to.signedUrl}%zz` }), 'DESTINATION_INVALID'),
  refusal(
    'a query of a file',
    (to) => to.backup({ destination: `${to.archive()}?sig=${to.canaries.signature}` }),
    'DESTINATION_INVALID',
  ),
  refusal(
    'userinfo',
    (to) => to.backup({ destination: `https://me:${to.canaries.userinfo}@depot.example.org/archives/a.zip` }),
    'DESTINATION_INVALID',
  ),
  refusal('a bearer in a list', (to) => to.backup({ bearer: [to.canaries.bearer] }), 'PARAMETER_INVALID'),
  refusal('a bearer in an object', (to) => to.backup({ bearer: { token: to.canaries.bearer } }), 'PARAMETER_INVALID'),
  refusal(
    'a bearer of two lines',
    (to) => to.backup({ bearer: `${to.canaries.bearer}\r\nX-More: ${to.canaries.bearer}` }),
    'PARAMETER_INVALID',
  ),
  refusal(
    'a bearer without quotes',
    (to) => `{"kind":"${BACKUP_KIND}","bearer":${to.canaries.bearer}}`,
    'BODY_UNPARSEABLE',
  ),
  refusal(
    'a bearer that never ends',
    (to) => `{"kind":"${BACKUP_KIND}","bearer":"${to.canaries.bearer}`,
    'BODY_UNPARSEABLE',
  ),
  refusal('a bearer that is all', (to) => to.canaries.bearer, 'BODY_UNPARSEABLE'),
  refusal('a bearer as its kind', (to) => to.backup({ kind: to.canaries.bearer }), 'KIND_UNKNOWN'),
  refusal(
    'a bearer as its boundary',
    (to) => to.restore({ timeSnapshotBoundaryMicros: to.canaries.bearer }),
    'BOUNDARY_INVALID',
  ),
  refusal('a bearer as its type', (to) => to.backup({ backupType: to.canaries.bearer }), 'BACKUP_TYPE_INVALID'),
];
