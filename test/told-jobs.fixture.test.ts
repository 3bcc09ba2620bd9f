import { EventEmitter, once } from 'node:events';

import type { Bystander, Job } from '@tidemark/testing';

/** Events of jobs that have ended; the same told again counts once. */
export class ToldJobs {
  /** By id and revision of the job. */
  readonly #keys = new Map<string, string>();
  readonly #telling = new EventEmitter();

  /** Of every job from now on. */
  static async of(bystander: Bystander): Promise<ToldJobs> {
    const told = new ToldJobs();
    const queue = await bystander.listen('tidemark.events', '#');
    await bystander.channel.consume(
      queue,
      (message) => {
        if (message) told.#hear(message.fields.routingKey, JSON.parse(message.content.toString()) as Job);
      },
      { noAck: true },
    );
    return told;
  }

  /** Keys of what was told of a job, as soon as that is anything. */
  async keysOf(jobId: string): Promise<string[]> {
    for (;;) {
      const next = once(this.#telling, 'told');
      const keys = [...this.#keys].filter(([of]) => of.startsWith(`${jobId}:`)).map(([, key]) => key);
      if (keys.length > 0) return keys;
      await next;
    }
  }

  #hear(key: string, { id, revision }: Job): void {
    this.#keys.set(`${id}:${revision}`, key);
    this.#telling.emit('told');
  }
}
