import { TidemarkError } from '@tidemark/contracts';

/** The broker was asked something and has not told it within the bound, or cannot. */
export class NotAnsweredError extends TidemarkError {
  readonly code = 'BROKER_UNAVAILABLE';

  constructor(
    readonly what: string,
    cause?: unknown,
  ) {
    super(`the broker does not tell of ${what}`, { cause });
  }
}
