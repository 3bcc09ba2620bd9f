import { refTo } from './schemas.js';

export interface Operation {
  readonly summary: string;
  readonly parameters?: readonly Parameter[];
  readonly body?: { readonly type: string; readonly schema: object };
  readonly answers: Readonly<Record<string, Answer>>;
}

interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'header';
  readonly description: string;
}

interface Answer {
  readonly description: string;
  /** JSON where nothing is said. */
  readonly type?: string;
  readonly schema?: object;
}

const JOB = refTo('Job');
const ANY_OBJECT = { type: 'object' };
const DOCUMENT: Answer = { description: 'The document', schema: ANY_OBJECT };
const IF_MATCH: Parameter = { name: 'If-Match', in: 'header', description: 'The ETag that the document must have' };
const AS_OF: Parameter = {
  name: 'timeSnapshotBoundaryMicros',
  in: 'query',
  description: 'The state as of this moment, in microseconds since the epoch',
};
const VERSION: Parameter = { name: 'documentVersion', in: 'query', description: 'This version' };
const LIMIT: Parameter = { name: '$limit', in: 'query', description: 'Entries on a page' };
const WRITTEN = { type: 'application/json', schema: ANY_OBJECT };

/** Every call of the public API; a test holds it against the routes. A path is all that is decided here. */
export const PATHS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  '/core/management': {
    get: { summary: 'What runs', answers: { 200: { description: 'Status', schema: refTo('ManagementStatus') } } },
    patch: {
      summary: 'Back up, or restore',
      parameters: [
        { name: 'Prefer', in: 'header', description: 'wait=<seconds> holds the answer until the job has ended' },
        { name: 'Idempotency-Key', in: 'header', description: 'Sent again with it, a request gives the first job' },
      ],
      body: {
        type: 'application/json',
        schema: { oneOf: [refTo('BackupRequest'), refTo('RestoreRequest')], discriminator: { propertyName: 'kind' } },
      },
      answers: {
        200: { description: 'The job, which has succeeded', schema: JOB },
        202: { description: 'The job', schema: JOB },
        409: {
          description: 'The job, which was cancelled, or what is wrong',
          schema: { oneOf: [JOB, refTo('Error')] },
        },
      },
    },
  },
  '/core/management/jobs': {
    get: {
      summary: 'Jobs, newest first',
      parameters: [
        { name: 'state', in: 'query', description: 'Only jobs in one of these states' },
        { name: 'operation', in: 'query', description: 'BACKUP or RESTORE' },
        LIMIT,
      ],
      answers: { 200: { description: 'A page of jobs', schema: refTo('JobList') } },
    },
  },
  '/core/management/jobs/{id}': {
    get: { summary: 'A job', answers: { 200: { description: 'The job', schema: JOB } } },
    delete: { summary: 'Cancel a job', answers: { 202: { description: 'The job', schema: JOB } } },
  },
  '/core/management/jobs/{id}/undo': {
    post: { summary: 'Undo a restore; again, redo it', answers: { 200: { description: 'The job', schema: JOB } } },
  },
  '/core/management/jobs/{id}/events': {
    get: {
      summary: 'A job as it changes, as Server-Sent Events',
      parameters: [{ name: 'Last-Event-ID', in: 'header', description: 'The revision that was seen last' }],
      answers: {
        200: { description: 'Events `job`, until the job has ended', type: 'text/event-stream', schema: JOB },
        204: { description: 'The job has ended and its end was seen' },
      },
    },
  },
  '/core/management/dead-letters': {
    get: {
      summary: 'Messages that could not be handled, the oldest first; fewer than asked for where they are large',
      parameters: [LIMIT],
      answers: { 200: { description: 'The dead letters', schema: refTo('DeadLetterList') } },
    },
  },
  '/core/management/dead-letters/{id}/replay': {
    post: {
      summary: 'Send a dead letter again as the message that it was; it is no dead letter then',
      answers: {
        202: { description: 'The dead letter as it was', schema: refTo('DeadLetter') },
        409: { description: 'It was masked or cut, or came from no queue of ours', schema: refTo('Error') },
      },
    },
  },
  '/core/document-index': {
    get: {
      summary: 'A version of a document, or all links with a prefix',
      parameters: [
        { name: 'documentSelfLink', in: 'query', description: 'A link, or a prefix with * at its end' },
        VERSION,
        AS_OF,
        { name: 'includeDeleted', in: 'query', description: 'A deletion is answered with as well' },
        LIMIT,
      ],
      answers: { 200: { description: 'The document or the list', schema: ANY_OBJECT } },
    },
    post: {
      summary: 'Write many documents, one a line',
      body: { type: 'application/x-ndjson', schema: { type: 'string' } },
      answers: { 200: { description: 'What was written', schema: refTo('BulkResult') } },
    },
  },
  '/core/docs': { get: { summary: 'This document', answers: { 200: { description: 'OpenAPI', schema: ANY_OBJECT } } } },
  '/core/health/live': {
    get: { summary: 'Whether the process runs', answers: { 200: { description: 'It does', schema: ANY_OBJECT } } },
  },
  '/core/health/ready': {
    get: {
      summary: 'Whether it can do its work',
      answers: {
        200: { description: 'It can', schema: ANY_OBJECT },
        503: { description: 'It cannot, and why', schema: ANY_OBJECT },
      },
    },
  },
  '/core/metrics': {
    get: {
      summary: 'Figures for Prometheus',
      answers: { 200: { description: 'The figures', type: 'text/plain', schema: { type: 'string' } } },
    },
  },
  '/{link}': {
    get: {
      summary: 'A document, or with a slash at the end the list of its children; a link may have many segments',
      parameters: [
        VERSION,
        AS_OF,
        { name: 'expand', in: 'query', description: 'The children themselves as well' },
        LIMIT,
        { name: 'If-None-Match', in: 'header', description: 'An ETag that the caller has the document of' },
      ],
      answers: { 200: DOCUMENT, 304: { description: 'It has not changed' } },
    },
    post: {
      summary: 'Create a child',
      body: WRITTEN,
      answers: { 201: { ...DOCUMENT, description: 'The document as it was created' } },
    },
    put: {
      summary: 'Create or replace',
      parameters: [IF_MATCH],
      body: WRITTEN,
      answers: { 200: DOCUMENT, 201: { ...DOCUMENT, description: 'The document as it was created' } },
    },
    patch: {
      summary: 'Change by a JSON merge patch',
      parameters: [IF_MATCH],
      body: WRITTEN,
      answers: { 200: DOCUMENT },
    },
    delete: {
      summary: 'Delete',
      parameters: [IF_MATCH],
      answers: { 200: { ...DOCUMENT, description: 'Its last state; no body where there was none' } },
    },
  },
};
