const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** The bench was asked to stop before it was done. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
  readonly exitCode: number;

  constructor(exitCode: number) {
    super('interrupted');
    this.exitCode = exitCode;
  }
}

/** Rejects at the first signal that asks the process to end; further ones change nothing. */
export function interruption(): Promise<never> {
  const interrupted = new Promise<never>((_resolve, reject) => {
    for (const [signal, number] of Object.entries(SIGNALS)) {
      process.on(signal, () => reject(new InterruptedError(128 + number)));
    }
  });
  interrupted.catch(() => undefined);
  return interrupted;
}
