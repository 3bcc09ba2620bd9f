import {
  JOB_STATES,
  JOBS_LINK,
  OPERATIONS,
  ParameterInvalidError,
  type JobState,
  type Operation,
} from '@tidemark/contracts';
import type { JobQuery } from '@tidemark/jobs';

import { single, wholeNumber } from '../query-parameters.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

/** A list of jobs as the caller asked for it, and where its next page would be. */
export interface JobListQuery extends JobQuery {
  nextPageLink(after: number): string;
}

/** Reads a raw query; `state` may name several, with commas or by coming more than once. */
export function parseJobListQuery(rawQuery: string): JobListQuery {
  const parameters = new URLSearchParams(rawQuery);
  const states = parameters.getAll('state').flatMap((value) => value.split(','));
  return {
    states: states.length > 0 ? states.map(asState) : undefined,
    operation: asOperation(single(parameters, 'operation')),
    limit: wholeNumber(parameters, '$limit', MAX_LIMIT) ?? DEFAULT_LIMIT,
    after: wholeNumber(parameters, '$page', Number.MAX_SAFE_INTEGER),
    nextPageLink: (after) => {
      const kept = [...parameters].filter(([name]) => name !== '$page');
      const next = [...kept, ['$page', String(after)] as const];
      return `${JOBS_LINK}?${next.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}`;
    },
  };
}

function asState(value: string): JobState {
  const state = JOB_STATES.find((known) => known === value);
  if (state === undefined) throw new ParameterInvalidError('state', `must be of ${JOB_STATES.join(', ')}`);
  return state;
}

function asOperation(value: string | undefined): Operation | undefined {
  if (value === undefined) return undefined;
  const operation = OPERATIONS.find((known) => known === value);
  if (operation === undefined) throw new ParameterInvalidError('operation', `must be ${OPERATIONS.join(' or ')}`);
  return operation;
}
