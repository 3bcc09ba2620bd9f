import { randomUUID } from 'node:crypto';

import {
  heartbeatAnswerSchema,
  wireClaimAnswerSchema,
  type BackupResult,
  type Effect,
  type FileEffect,
  type Outcome,
  type WireClaim,
  type WireClaimAnswer,
} from '@tidemark/contracts';

import { exchange, type Answered, type GatewayFixture } from './gateway.fixture.test.js';

export const RESULT: BackupResult = {
  archive: { bytes: 1000, sha256: 'a'.repeat(64), parts: 1 },
  documents: 2,
  versions: 3,
  earliestUpdateTimeMicros: 1,
  latestUpdateTimeMicros: 3,
  closedTimeMicros: 4,
  verified: 'EVERY_PART',
  seconds: 0.5,
};
export const FILE_EFFECT: FileEffect = {
  kind: 'FILE',
  temp: '.a.zip.1.part',
  bytes: 1000,
  sha256: 'a'.repeat(64),
  result: RESULT,
};

/** Speaks to a gateway as a transfer-worker does, step by step. */
export class FakeWorker {
  constructor(private readonly fixture: GatewayFixture) {}

  async claim(jobId: string, claimId: string = randomUUID()): Promise<WireClaimAnswer> {
    const answer = await this.call(jobId, 'claim', { claimId, worker: 'a fake' });
    return wireClaimAnswerSchema.parse(JSON.parse(answer.text));
  }

  /** Waits for the doorbell of the job with this destination, and answers every other one with nothing. */
  async rungFor(name: string): Promise<string> {
    const rung = Promise.withResolvers<string>();
    const { outside } = this.fixture;
    const listen = async ({ body: { jobId } }: { body: { jobId: string } }): Promise<void> => {
      const { request } = await this.fixture.job(jobId);
      if (request.destination === this.fixture.destination(name)) rung.resolve(jobId);
    };
    const subscriptions = [
      outside.subscribe('tidemark.jobs.backup', listen),
      outside.subscribe('tidemark.jobs.restore', listen),
    ];
    const id = await rung.promise;
    await Promise.all(subscriptions.map((subscription) => subscription.close()));
    return id;
  }

  async run(jobId: string): Promise<WireClaim> {
    const answer = await this.claim(jobId);
    if (answer.outcome !== 'CLAIMED') throw new Error('nothing to claim');
    return answer;
  }

  heartbeat({ jobId, fence }: { jobId: string; fence: number }): Promise<string> {
    return this.#verdict(jobId, 'heartbeat', { fence });
  }

  finishing({ jobId, fence }: { jobId: string; fence: number }, effect: Effect = FILE_EFFECT): Promise<string> {
    return this.#verdict(jobId, 'finishing', { fence, effect });
  }

  /** Resolves when the broker has it, not when the gateway has. */
  async settle({ jobId, fence }: { jobId: string; fence: number }, outcome: Outcome): Promise<void> {
    await this.fixture.outside.publish('settled', { jobId, fence, outcome });
  }

  /** A backup from its claim to its end. */
  async succeed(jobId: string): Promise<void> {
    const claim = await this.run(jobId);
    await this.finishing(claim);
    await this.settle(claim, { state: 'SUCCEEDED', result: RESULT });
  }

  async fail(jobId: string, code: 'ARCHIVE_NOT_FOUND' | 'DESTINATION_FULL' = 'ARCHIVE_NOT_FOUND'): Promise<void> {
    const claim = await this.run(jobId);
    const error = { code, message: 'as the worker said', phase: 'OPENING', retriable: false } as const;
    await this.settle(claim, { state: 'FAILED', error });
  }

  call(jobId: string, verb: string, body: object): Promise<Answered> {
    return exchange(this.fixture.gateway.internalUrl, {
      method: 'POST',
      path: `/internal/jobs/${jobId}/${verb}`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  }

  async #verdict(jobId: string, verb: string, body: object): Promise<string> {
    return heartbeatAnswerSchema.parse(JSON.parse((await this.call(jobId, verb, body)).text)).verdict;
  }
}
