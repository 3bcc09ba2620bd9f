import { randomUUID } from 'node:crypto';

import {
  DOCUMENT_INDEX_LINK,
  GRANT_HEADER,
  grantPrivateKey,
  newGrantKeys,
  signGrant,
  wireClaimAnswerSchema,
  type AttemptGrant,
  type Grant,
  type Outcome,
  type WireClaim,
} from '@tidemark/contracts';
import { systemClock } from '@tidemark/platform';
import {
  exchange,
  query,
  refusalOf,
  startServices,
  type ErrorCode,
  type RawAnswer,
  type RunningServices,
} from '@tidemark/testing';

/** What somebody asks of the index-service itself: which route, and with which body. */
export type Ask = readonly [method: string, path: string, body?: object];

interface Refused {
  readonly requestId: string;
  readonly grant: string;
}

/** Somebody in the network of the services, who can reach the internal ports and speaks what is spoken there. */
export class Intruder {
  /** Every call so far that was refused for its grant. */
  readonly refused: Refused[] = [];
  readonly #key;

  private constructor(readonly it: RunningServices) {
    this.#key = grantPrivateKey.parse(it.services.grantKeys.privateKey);
  }

  static async open(): Promise<Intruder> {
    return new Intruder(await startServices({ settings: { TIDEMARK_LOG_LEVEL: 'trace' } }));
  }

  get indexUrl(): string {
    return this.it.indexServices[0]?.url ?? '';
  }

  get internalUrl(): string {
    return this.it.internalUrls[0] ?? '';
  }

  /** Of the system itself. */
  sign(grant: Grant): string {
    return signGrant(grant, this.#key);
  }

  /** One that an attempt of some job would have, signed by the system itself. */
  attemptGrant(given: Partial<AttemptGrant> = {}): string {
    return this.sign(attemptGrant(given));
  }

  ask([method, path, body]: Ask, grant?: string): Promise<RawAnswer> {
    return exchange(this.indexUrl, {
      method,
      path,
      headers: {
        ...(body ? { 'content-type': 'application/json' } : {}),
        ...(grant === undefined ? {} : { [GRANT_HEADER]: grant }),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  }

  /** The call is refused; its code, and what it says is the reason. */
  async refusal(ask: Ask, grant?: string): Promise<{ code: ErrorCode; statusCode: number; reason: string }> {
    const answer = await this.ask(ask, grant);
    const { code, statusCode, message } = refusalOf(answer);
    this.refused.push({ requestId: String(answer.headers['x-request-id']), grant: grant ?? '' });
    return { code, statusCode, reason: message.replace(/^.*granted attempts only: /, '') };
  }

  /** What a worker says to the gateway about a job, at one of the gateway's ports. */
  tell(url: string, jobId: string, [verb, body]: readonly [verb: string, body: object]): Promise<RawAnswer> {
    const headers = { 'content-type': 'application/json' };
    const path = `/internal/jobs/${jobId}/${verb}`;
    return exchange(url, { method: 'POST', path, headers, body: JSON.stringify(body) });
  }

  /** As a worker would. */
  async claim(jobId: string): Promise<WireClaim> {
    const body = { claimId: randomUUID(), worker: 'intruder' };
    const answer = wireClaimAnswerSchema.parse(
      JSON.parse((await this.tell(this.internalUrl, jobId, ['claim', body])).text),
    );
    if (answer.outcome !== 'CLAIMED') throw new Error(`job ${jobId} was not to be had`);
    return answer;
  }

  async handBack({ jobId, fence }: WireClaim): Promise<void> {
    const outcome: Outcome = { state: 'HANDED_BACK' };
    const { status } = await this.tell(this.internalUrl, jobId, ['settled', { jobId, fence, outcome }]);
    if (status !== 204) throw new Error(`handing back was answered with ${status}`);
  }

  /** What the index-service has open: sessions in a transaction, and generations. */
  async opened(): Promise<{ sessions: number; generations: number }> {
    const [found] = await query<{ sessions: number; generations: number }>(
      this.it.databaseUrl,
      `SELECT (SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database()
                AND application_name LIKE 'tidemark-attempt %' AND state = 'idle in transaction') AS sessions,
              (SELECT count(*)::int FROM catalog.generation) AS generations`,
    );
    if (!found) throw new Error('there is no index');
    return found;
  }

  /** The lines of the index-service's log about a request, as it wrote them. */
  linesOf(requestId: string): Record<string, unknown>[] {
    const lines = (this.it.indexServices[0]?.log ?? '').split('\n').filter((line) => line.includes(requestId));
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}

export const inAMinute = (): number => systemClock.nowMicros() + 60_000_000;

export const attemptGrant = (given: Partial<AttemptGrant> = {}): AttemptGrant => ({
  to: 'ATTEMPT',
  jobId: randomUUID(),
  fence: 3,
  operation: 'BACKUP',
  index: DOCUMENT_INDEX_LINK,
  expiresAtMicros: inAMinute(),
  ...given,
});

/** Signed by somebody who is not the gateway. */
export const foreignGrant = (grant: Grant): string =>
  signGrant(grant, grantPrivateKey.parse(newGrantKeys().privateKey));

/** The grant with something else written into it, under its old signature. */
export function altered(token: string, change: object): string {
  const [body = '', signature = ''] = token.split('.');
  const grant = JSON.parse(Buffer.from(body, 'base64url').toString()) as object;
  return `${Buffer.from(JSON.stringify({ ...grant, ...change })).toString('base64url')}.${signature}`;
}
