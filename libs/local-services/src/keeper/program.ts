/** What a keeper runs. Everything is said: nothing of our own environment reaches the program. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Whom it runs as; without supplementary groups. Left out: as ourselves. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** File that standard output and error are appended to; made with mode 0600. */
  readonly output: string;
  /** How it is ended: each signal in turn, with the milliseconds that it has for it. */
  readonly ending: readonly { readonly signal: NodeJS.Signals; readonly millis: number }[];
}
