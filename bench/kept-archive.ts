/** An archive that systems are filled from, and what it holds. */
export interface KeptArchive {
  readonly destination: string;
  readonly documents: number;
  readonly versions: number;
  readonly bytes: number;
  readonly parts: number;
}
