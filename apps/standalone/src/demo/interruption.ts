/** The demo was asked to stop before it was done. */
export class InterruptedError extends Error {
  constructor(readonly exitCode: number) {
    super('interrupted');
  }
}

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/**
 * Rejects at the first signal that asks the process to end, or when nobody reads its output any more. Further signals
 * change nothing: a terminal and npm both send one, and ending takes its moment.
 */
export function interruption(): Promise<never> {
  const interrupted = new Promise<never>((_resolve, reject) => {
    for (const [signal, number] of Object.entries(SIGNALS)) {
      process.on(signal, () => reject(new InterruptedError(128 + number)));
    }
    process.stdout.on('error', () => reject(new InterruptedError(1)));
  });
  interrupted.catch(() => undefined);
  return interrupted;
}
