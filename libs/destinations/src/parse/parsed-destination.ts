export interface FileLocation {
  readonly scheme: 'file';
  /** Absolute, decoded, without empty, `.` and `..` segments; names a file. */
  readonly path: string;
  readonly display: string;
}

export interface HttpLocation {
  readonly scheme: 'http' | 'https';
  /** Host and port in their normal form; the path and the query are as they were written. Holds the query's secrets. */
  readonly url: URL;
  readonly display: string;
}

/** A destination that is well formed. Whether it is allowed is the policy's to say. */
export type ParsedDestination = FileLocation | HttpLocation;
