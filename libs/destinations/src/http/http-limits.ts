/** How long a request may take. */
export interface Patience {
  readonly connectMillis: number;
  /** Without a byte in either direction. */
  readonly silenceMillis: number;
  /** For one request as a whole; time in which the reader of an answer does something else does not count. */
  readonly requestMillis: number;
}

/** How often a request is sent, and how long is waited in between. */
export interface Retries {
  /** The first one included; counted anew when bytes have come in between. */
  readonly attempts: number;
  readonly firstDelayMillis: number;
  readonly maxDelayMillis: number;
  /** What a server may ask for by `Retry-After`. */
  readonly maxRetryAfterMillis: number;
}

export interface HttpLimits {
  readonly patience: Patience;
  readonly retries: Retries;
  /** Of one PUT. */
  readonly chunkBytes: number;
  /** PUTs under way at a time. */
  readonly inFlight: number;
  /** Asked for by one GET. */
  readonly rangeBytes: number;
  /** An archive on a server without ranges is copied into the spool, if it is not larger. */
  readonly copyBytes: number;
  /** For taking back what a destination has of an archive that is given up: who waits for that has cancelled. */
  readonly takeBackMillis: number;
}

/** What a caller wants otherwise than {@link HTTP_LIMITS}. */
export interface GivenLimits extends Partial<Omit<HttpLimits, 'patience'>> {
  readonly patience?: Partial<Patience>;
}

const MIB = 1024 * 1024;

const HTTP_LIMITS: HttpLimits = {
  patience: { connectMillis: 10_000, silenceMillis: 30_000, requestMillis: 600_000 },
  retries: { attempts: 6, firstDelayMillis: 250, maxDelayMillis: 10_000, maxRetryAfterMillis: 60_000 },
  chunkBytes: 8 * MIB,
  inFlight: 3,
  rangeBytes: 16 * MIB,
  copyBytes: 64 * 1024 * MIB,
  takeBackMillis: 1_500,
};

export function limitsWith({ patience, ...given }: GivenLimits = {}): HttpLimits {
  return { ...HTTP_LIMITS, ...given, patience: { ...HTTP_LIMITS.patience, ...patience } };
}
