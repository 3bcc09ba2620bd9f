import { sleep } from '@tidemark/platform';

/** Waits for what a broker that does not answer any more must not keep anybody from; never rejects. */
export async function within(millis: number, work: Promise<unknown>): Promise<void> {
  const isOver = new AbortController();
  await Promise.race([work, sleep(millis, isOver.signal)]).catch(() => undefined);
  isOver.abort();
}
