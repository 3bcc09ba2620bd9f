/** What an error code means to each kind of caller. */
export interface ErrorFacts {
  /** HTTP status of the answer, and of a job that failed with it under `Prefer: wait`. */
  readonly status: number;
  /** Exit code of the command line client. */
  readonly exit: number;
  /** Whether the same attempt may succeed later without anybody changing anything. */
  readonly retriable: boolean;
  /** The ancestor's numeric code, where its users' scripts look at it. */
  readonly xenonCode?: number;
}

const badRequest = { status: 400, exit: 2, retriable: false } as const;
const forbidden = { status: 403, exit: 3, retriable: false } as const;
const conflict = { status: 409, exit: 5, retriable: false } as const;
const badArchive = { status: 422, exit: 6, retriable: false } as const;
const badGateway = { status: 502, exit: 7, retriable: true } as const;
const full = { status: 507, exit: 7, retriable: true } as const;
const unavailable = { status: 503, exit: 8, retriable: true } as const;

/** The closed list of error codes; a code not listed here does not compile. */
export const ERRORS = {
  BODY_EMPTY: badRequest,
  BODY_UNPARSEABLE: badRequest,
  KIND_REQUIRED: badRequest,
  KIND_UNKNOWN: badRequest,
  DESTINATION_REQUIRED: badRequest,
  DESTINATION_INVALID: badRequest,
  BACKUP_TYPE_INVALID: badRequest,
  BOUNDARY_INVALID: badRequest,
  INDEX_UNKNOWN: badRequest,
  LINK_INVALID: badRequest,
  DOCUMENT_INVALID: badRequest,
  LINE_INVALID: badRequest,
  PARAMETER_INVALID: badRequest,
  REQUEST_MALFORMED: badRequest,

  UNAUTHENTICATED: { status: 401, exit: 3, retriable: false },
  FORBIDDEN: forbidden,
  DESTINATION_NOT_ALLOWED: forbidden,
  ROOT_UNUSABLE: forbidden,
  ORIGIN_FOREIGN: forbidden,

  NOT_FOUND: { status: 404, exit: 4, retriable: false },
  DOCUMENT_NOT_FOUND: { status: 404, exit: 4, retriable: false, xenonCode: -2147483648 },
  DOCUMENT_DELETED: { status: 404, exit: 4, retriable: false, xenonCode: -2147483646 },
  METHOD_NOT_ALLOWED: { status: 405, exit: 4, retriable: false },
  REQUEST_TIMEOUT: { status: 408, exit: 8, retriable: true },
  PAGE_GONE: { status: 410, exit: 4, retriable: false },

  DOCUMENT_EXISTS: { status: 409, exit: 5, retriable: false, xenonCode: -2147483645 },
  IDEMPOTENCY_KEY_REUSED: conflict,
  JOB_ENDED: conflict,
  JOB_FINISHING: conflict,
  NOTHING_TO_UNDO: conflict,
  INDEX_MOVED: conflict,
  CANCELLED: conflict,
  SECRET_KEY_CHANGED: conflict,
  UPLOAD_CONFLICT: conflict,
  NOT_REPLAYABLE: conflict,

  VERSION_MISMATCH: { status: 412, exit: 2, retriable: false },
  TOO_LARGE: { status: 413, exit: 2, retriable: false },
  CONTENT_TYPE: { status: 415, exit: 2, retriable: false },
  RANGE_UNSATISFIABLE: { status: 416, exit: 2, retriable: false },
  HOST_UNKNOWN: { status: 421, exit: 2, retriable: false },
  TOO_MANY_REQUESTS: { status: 429, exit: 2, retriable: true },
  NOT_IMPLEMENTED: { status: 501, exit: 2, retriable: false },

  ARCHIVE_NOT_FOUND: badArchive,
  ARCHIVE_FOREIGN: badArchive,
  ARCHIVE_DAMAGED: badArchive,
  ARCHIVE_TRUNCATED: badArchive,
  ARCHIVE_VERSION_UNKNOWN: badArchive,
  ARCHIVE_CHANGED: badArchive,
  ARCHIVE_FROM_FUTURE: badArchive,
  BOUNDARY_BEFORE_HISTORY: badArchive,

  DESTINATION_REFUSED: { status: 502, exit: 7, retriable: false },
  DESTINATION_IGNORES_RANGES: { status: 502, exit: 7, retriable: false },
  DESTINATION_UNREACHABLE: badGateway,
  DESTINATION_TIMEOUT: badGateway,
  DELIVERY_LOST: badGateway,

  DESTINATION_FULL: full,
  SPOOL_FULL: full,
  DATABASE_FULL: full,

  INDEX_UNAVAILABLE: unavailable,
  DATABASE_UNAVAILABLE: unavailable,
  BROKER_UNAVAILABLE: unavailable,
  SWITCH_BUSY: unavailable,
  ATTEMPTS_EXHAUSTED: unavailable,
  INTERNAL: { status: 500, exit: 8, retriable: false },
} as const satisfies Record<string, ErrorFacts>;

export type ErrorCode = keyof typeof ERRORS;

export function errorFacts(code: ErrorCode): ErrorFacts {
  return ERRORS[code];
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERRORS, value);
}
