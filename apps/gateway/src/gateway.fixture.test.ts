import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import {
  BACKUP_KIND,
  errorBodySchema,
  jobSchema,
  managementStatusSchema,
  RESTORE_KIND,
  type ErrorBody,
  type Job,
  type JobState,
  type ManagementStatus,
} from '@tidemark/contracts';
import { createMessaging, InProcessBroker, type Messaging } from '@tidemark/messaging';
import { silentLogger, systemClock, type Logger } from '@tidemark/platform';
import { createTestDatabase, type TestDatabase } from '@tidemark/testing';

import { GRANT_KEYS } from './index-process.fixture.test.js';
import { gatewaySettings, startGateway, type Gateway } from './index.js';

/** That of every gateway that is given no other one. */
export const SECRET_KEY = Buffer.alloc(32, 'secret').toString('base64');

/** Nobody listens there: what needs no index-service is tested without one. */
const NO_INDEX = 'http://127.0.0.1:9';

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Call {
  readonly method?: string;
  /** Sent as it is. */
  readonly path?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer;
  readonly signal?: AbortSignal;
}

/** One request over a connection of its own. */
export async function exchange(
  url: string,
  { method = 'GET', path = '/', headers, body, signal }: Call,
): Promise<Answered> {
  const options = {
    method,
    path,
    agent: false as const,
    ...(headers ? { headers } : {}),
    ...(signal ? { signal } : {}),
  };
  const sent = httpRequest(url, options);
  const answered = new Promise<Answered>((resolve, reject) => {
    sent.once('error', reject);
    sent.once('response', (answer) => {
      text(answer).then(
        (received) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: received }),
        reject,
      );
    });
  });
  sent.end(body);
  return answered;
}

/** The error body of an answer, held against its schema and its status. */
export function errorOf({ status, headers, text: body }: Answered): ErrorBody {
  const error = errorBodySchema.strict().parse(JSON.parse(body));
  if (error.statusCode !== status) throw new Error(`status ${status}, but the body says ${error.statusCode}`);
  if (!headers['x-request-id']) throw new Error('no x-request-id');
  return error;
}

export function jobOf({ text: body }: Answered): Job {
  return jobSchema.strict().parse(JSON.parse(body));
}

const isOfPause = (problem: string): boolean => /^(no answer within|changes of jobs are not heard)/.test(problem);

/** A gateway on a database, a broker and a folder for archives of its own. */
export class GatewayFixture {
  #steps: (() => Promise<unknown>)[] = [];

  private constructor(
    readonly database: TestDatabase,
    readonly broker: InProcessBroker,
    /** The other side of the broker: where workers and observers are. */
    readonly outside: Messaging,
    readonly root: string,
  ) {}

  gateway: Gateway = { url: '', internalUrl: '' };

  static async open(settings: Record<string, string> = {}, log: Logger = silentLogger): Promise<GatewayFixture> {
    const broker = new InProcessBroker();
    const fixture = new GatewayFixture(
      await createTestDatabase(),
      broker,
      createMessaging(broker.connect(), { log: silentLogger, clock: systemClock }),
      await mkdtemp(join(tmpdir(), 'tidemark-gateway-')),
    );
    try {
      await fixture.start(settings, log);
      return fixture;
    } catch (error) {
      await fixture.close();
      throw error;
    }
  }

  async start(settings: Record<string, string> = {}, log: Logger = silentLogger): Promise<void> {
    const messaging = createMessaging(this.broker.connect(), { log: silentLogger, clock: systemClock });
    this.#steps.unshift(() => messaging.close());
    const given = gatewaySettings.parse({
      PORT: '0',
      TIDEMARK_INTERNAL_PORT: '0',
      DATABASE_URL: this.database.url,
      TIDEMARK_INDEX_URL: NO_INDEX,
      TIDEMARK_FILE_ROOTS: this.root,
      TIDEMARK_GRANT_KEY: GRANT_KEYS.privateKey,
      TIDEMARK_SECRET_KEY: SECRET_KEY,
      ...settings,
    });
    const onStop = (_name: string, stop: () => Promise<unknown>): void => void this.#steps.unshift(stop);
    this.gateway = await startGateway(given, { log, onStop, messaging });
  }

  async stop(): Promise<void> {
    for (const step of this.#steps.splice(0)) await step();
  }

  async close(): Promise<void> {
    await this.stop();
    await this.outside.close();
    await this.database.drop();
    await rm(this.root, { recursive: true, force: true });
  }

  ask(call: Call): Promise<Answered> {
    return exchange(this.gateway.url, call);
  }

  patch(body: string | object, headers: OutgoingHttpHeaders = {}): Promise<Answered> {
    return this.ask({
      method: 'PATCH',
      path: '/core/management',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  }

  destination(name = 'a.zip'): string {
    return `file:${this.root}/${name}`;
  }

  /** Stored, and nothing more: nobody in these tests listens for doorbells unless a test does. */
  async backup(name?: string): Promise<Job> {
    return jobOf(await this.patch({ kind: BACKUP_KIND, destination: this.destination(name) }));
  }

  async restore(name?: string): Promise<Job> {
    return jobOf(await this.patch({ kind: RESTORE_KIND, destination: this.destination(name) }));
  }

  async job(id: string): Promise<Job> {
    return jobOf(await this.ask({ path: `/core/management/jobs/${id}` }));
  }

  /** What `GET /core/management` tells; asked again where the machine stood still for longer than an answer may take. */
  async status(): Promise<ManagementStatus> {
    for (;;) {
      const { status, text: body } = await this.ask({ path: '/core/management' });
      if (status !== 200) throw new Error(`status ${status}`);
      const told = managementStatusSchema.strict().parse(JSON.parse(body));
      if (!Object.values(told.problems).flat().some(isOfPause)) return told;
    }
  }

  /** Watches the job until it is so; its events are awaited, nothing is polled. */
  async jobWhen(id: string, isSo: (job: Job) => boolean): Promise<Job> {
    for await (const { job } of this.events(id)) if (isSo(job)) return job;
    throw new Error('the job has ended otherwise');
  }

  jobIn(id: string, state: JobState): Promise<Job> {
    return this.jobWhen(id, (job) => job.state === state);
  }

  /** The first event of this kind from now on, as anyone would hear it over the broker. */
  async nextEvent(pattern: string): Promise<{ readonly job: Promise<Job> }> {
    const { promise, resolve } = Promise.withResolvers<Job>();
    const observer = this.outside.observe(pattern, async ({ body }) => {
      resolve(body);
      await Promise.resolve();
    });
    await observer.started;
    return { job: promise.finally(() => void observer.close()) };
  }

  /** Server-Sent Events of a job, read one by one. */
  async *events(id: string, headers: OutgoingHttpHeaders = {}): AsyncGenerator<{ id: string; job: Job }> {
    const sent = httpRequest(this.gateway.url, { path: `/core/management/jobs/${id}/events`, agent: false, headers });
    try {
      const answer = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
        sent.once('error', reject);
        sent.once('response', resolve);
        sent.end();
      });
      let rest = '';
      for await (const chunk of answer) {
        rest += String(chunk);
        const frames = rest.split('\n\n');
        rest = frames.pop() ?? '';
        for (const frame of frames) {
          const [, revision, data] = /^id: (\d+)\nevent: job\ndata: (.*)$/.exec(frame) ?? [];
          if (revision === undefined) throw new Error(`not an event of a job: ${frame}`);
          yield { id: revision, job: jobSchema.parse(JSON.parse(data ?? '')) };
        }
      }
    } finally {
      sent.destroy();
    }
  }
}
