import { TidemarkError } from '@tidemark/contracts';

/** The index-service cannot be reached, or broke off. A write that was under way may have been made or not. */
export class IndexUnavailableError extends TidemarkError {
  readonly code = 'INDEX_UNAVAILABLE';

  constructor(cause: unknown) {
    super('the index-service does not answer', { cause });
  }
}
