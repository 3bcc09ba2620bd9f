import { SystemClient, type Answer } from '@tidemark/testing';

/** The shortest of the bounds of a writer's transaction and of a switch: who is refused sooner was not held up. */
const SHORTEST_BOUND_MILLIS = 3000;
/** What they are refused with. */
const REFUSAL = /"statusCode":503,.*"code":"(INDEX_UNAVAILABLE|DATABASE_UNAVAILABLE|SWITCH_BUSY)"/;
/** As many as write at once, in a stall of the machine; more than that is none. */
const MOST_REFUSALS = 8;

/**
 * Asks again where a request was held up for so long that it was given up: nothing of it is stored then. On a machine
 * that stands still for some seconds that is right; often it must not be.
 */
export class PatientClient extends SystemClient {
  #refusals = 0;

  /** How often it has asked again. */
  get refusals(): number {
    return this.#refusals;
  }

  override async call<T>(...[method, path, call]: Parameters<SystemClient['call']>): Promise<Answer<T>> {
    for (;;) {
      const began = performance.now();
      const answer = await super.call<T>(method, path, call);
      const mayAsk = answer.status === 503 && !(call?.body instanceof ReadableStream);
      if (!mayAsk || !this.#isHeldUp(began, JSON.stringify(answer.body))) return answer;
    }
  }

  /** Of no more documents than one transaction writes. */
  override async bulk(documents: Parameters<SystemClient['bulk']>[0]): ReturnType<SystemClient['bulk']> {
    const batch = [...documents];
    for (;;) {
      const began = performance.now();
      try {
        return await super.bulk(batch);
      } catch (error) {
        if (!this.#isHeldUp(began, String(error))) throw error;
      }
    }
  }

  #isHeldUp(began: number, refusal: string): boolean {
    const isHeldUp = performance.now() - began >= SHORTEST_BOUND_MILLIS && REFUSAL.test(refusal);
    return isHeldUp && ++this.#refusals <= MOST_REFUSALS;
  }
}
