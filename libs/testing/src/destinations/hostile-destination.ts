/** A destination that must be refused, whatever is asked of it. */
export interface HostileDestination {
  /** What is tried; no two rows try the same. */
  readonly trick: string;
  readonly destination: string;
  readonly code: 'DESTINATION_INVALID' | 'DESTINATION_NOT_ALLOWED';
}

export type Row = readonly [trick: string, destination: string];

export function hostile(code: HostileDestination['code'], rows: readonly Row[]): HostileDestination[] {
  return rows.map(([trick, destination]) => ({ trick, destination, code }));
}
