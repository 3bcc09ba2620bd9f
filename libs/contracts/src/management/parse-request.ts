import {
  BackupTypeInvalidError,
  BodyEmptyError,
  BodyUnparseableError,
  BoundaryInvalidError,
  DestinationInvalidError,
  DestinationRequiredError,
  IndexUnknownError,
  KindRequiredError,
  KindUnknownError,
  NotImplementedError,
  ParameterInvalidError,
} from '../errors/request-errors.js';
import {
  BACKUP_KIND,
  DOCUMENT_INDEX_LINK,
  MASK,
  MAX_MICROS,
  RESTORE_KIND,
  type ManagementRequest,
} from './requests.js';

export interface ParsedRequest {
  readonly request: ManagementRequest;
  /** The secret of the request, for the destination alone. */
  readonly bearer: string | undefined;
  /** One sentence for each field that has no meaning here. */
  readonly warnings: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

const SHARED_FIELDS = ['kind', 'destination', 'bearer', 'indexServiceLink', 'backupServiceLink'];
const KNOWN_FIELDS = {
  BACKUP: new Set([...SHARED_FIELDS, 'backupType']),
  RESTORE: new Set([...SHARED_FIELDS, 'timeSnapshotBoundaryMicros']),
};

/**
 * Reads the body of `PATCH /core/management` (and of a message on `tidemark.requests`).
 * Throws the error that the contract names for the first thing that is wrong. Whether the destination is one that
 * may be used is not judged here.
 */
export function parseManagementRequest(body: string): ParsedRequest {
  const fields = parseObject(body);
  const operation = operationOf(fields.kind);
  const destination = fields.destination;
  if (destination === undefined || destination === null || destination === '') {
    throw new DestinationRequiredError(operation);
  }
  if (typeof destination !== 'string') throw new DestinationInvalidError('it must be a string');
  const bearer = bearerIn(fields);
  const shared = {
    destination,
    indexServiceLink: indexLink(fields),
    ...optionalField('backupServiceLink', optionalString(fields, 'backupServiceLink')),
    ...(bearer === undefined ? {} : { bearer: MASK as typeof MASK }),
  };
  return {
    bearer,
    warnings: Object.keys(fields)
      .filter((name) => !KNOWN_FIELDS[operation].has(name))
      .map((name) => `the field ${JSON.stringify(name.slice(0, 100))} is not known and was ignored`),
    request:
      operation === 'BACKUP'
        ? { kind: BACKUP_KIND, ...shared, backupType: backupType(fields.backupType, destination) }
        : {
            kind: RESTORE_KIND,
            ...shared,
            ...optionalField('timeSnapshotBoundaryMicros', boundary(fields.timeSnapshotBoundaryMicros)),
          },
  };
}

function parseObject(body: string): Fields {
  if (body.trim() === '') throw new BodyEmptyError();
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    throw new BodyUnparseableError(reasonIn(error));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new BodyUnparseableError('expected an object');
  }
  return value as Fields;
}

/** Without the piece of the body that the parser shows: it may be a secret. */
function reasonIn(error: unknown): string {
  const { message } = error as SyntaxError;
  return message.replace(/^"[^]*" is not valid JSON$/, 'it is not valid JSON').replace(/, (?:\.\.\.)?"[^]*$/, '');
}

function operationOf(kind: unknown): 'BACKUP' | 'RESTORE' {
  if (kind === undefined || kind === null || kind === '') throw new KindRequiredError();
  if (kind === BACKUP_KIND) return 'BACKUP';
  if (kind === RESTORE_KIND) return 'RESTORE';
  throw new KindUnknownError();
}

function optionalString(fields: Fields, name: string): string | undefined {
  const value = fields[name] ?? undefined;
  if (value !== undefined && typeof value !== 'string') throw new ParameterInvalidError(name, 'must be a string');
  return value;
}

/** What may stand in an Authorization header; an empty one is none. */
function bearerIn(fields: Fields): string | undefined {
  const bearer = optionalString(fields, 'bearer');
  if (bearer === undefined || bearer === '') return undefined;
  if (/^[\x21-\x7e]{1,8192}$/.test(bearer)) return bearer;
  throw new ParameterInvalidError('bearer', 'must be 1 to 8192 printable ASCII characters without blanks');
}

function optionalField<K extends string, V>(name: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [name]: value } as Record<K, V>);
}

function indexLink(fields: Fields): typeof DOCUMENT_INDEX_LINK {
  const link = optionalString(fields, 'indexServiceLink') ?? DOCUMENT_INDEX_LINK;
  if (link !== DOCUMENT_INDEX_LINK) throw new IndexUnknownError(link);
  return link;
}

function backupType(value: unknown, destination: string): 'ZIP' | 'STREAM' {
  if (value === 'DIRECTORY') throw new NotImplementedError('backupType DIRECTORY');
  if (value !== undefined && value !== null && value !== 'ZIP' && value !== 'STREAM') {
    throw new BackupTypeInvalidError('it must be ZIP, STREAM or DIRECTORY');
  }
  if (/^https?:/i.test(destination)) return 'STREAM';
  if (value === 'STREAM') throw new BackupTypeInvalidError('STREAM is for http and https destinations');
  return 'ZIP';
}

function boundary(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  const micros = typeof value === 'string' && /^[0-9]{1,16}$/.test(value) ? Number(value) : value;
  if (typeof micros !== 'number' || !Number.isInteger(micros) || micros < 1 || micros > MAX_MICROS) {
    throw new BoundaryInvalidError();
  }
  return micros;
}
