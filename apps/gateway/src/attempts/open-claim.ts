import { errorFacts, type JobError, type WireClaimAnswer } from '@tidemark/contracts';
import type { SealedClaim } from '@tidemark/jobs';

import { SecretKeyChangedError, type Secrets } from '../secrets/sealed-secrets.js';
import type { GatewayParts } from '../tokens.js';

type Parts = Pick<GatewayParts, 'settings' | 'secrets' | 'grants' | 'jobs' | 'ends'>;

/** What a worker needs for an attempt: the one place where the secrets of a request are opened. */
export async function openClaim(parts: Parts, { sealedSecrets, ...claim }: SealedClaim): Promise<WireClaimAnswer> {
  const { settings, grants } = parts;
  const { jobId, effect, request } = claim;
  let opened: Secrets = {};
  try {
    if (sealedSecrets !== null) opened = parts.secrets.open(jobId, sealedSecrets);
  } catch (error) {
    if (!(error instanceof SecretKeyChangedError)) throw error;
    // The archive that only wants its name needs no secret to get it.
    if (effect?.kind !== 'FILE') return await failUnopened(parts, claim, error);
  }
  const { bearer, destination = request.destination } = opened;
  return {
    ...claim,
    request: { ...request, destination },
    ...(bearer === undefined ? {} : { bearer }),
    indexUrl: settings.TIDEMARK_INDEX_URL,
    grant: grants.forAttempt(claim),
  };
}

/** No attempt could do the job, so the one that has just begun ends it. */
async function failUnopened(
  { jobs, ends }: Parts,
  { jobId, fence }: Pick<SealedClaim, 'jobId' | 'fence'>,
  { code, message, details = {} }: SecretKeyChangedError,
): Promise<WireClaimAnswer> {
  const { retriable } = errorFacts(code);
  const error: Omit<JobError, 'attempt'> = { code, message, phase: null, retriable, details: { ...details } };
  const settlement = await jobs.settle({ jobId, fence, outcome: { state: 'FAILED', error } });
  if (settlement.outcome === 'SETTLED') await ends.follow(settlement.job);
  return { outcome: 'NOTHING' };
}
