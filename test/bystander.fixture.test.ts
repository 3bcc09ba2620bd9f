import { Bystander, type RunningServices, type ServicesIdentity } from '@tidemark/testing';

/** Events of jobs that have ended, as they came. */
export class HeardEvents {
  readonly #keys = new Map<string, string[]>();
  readonly #waiting = new Map<string, () => void>();

  /** Of every job from now on. */
  static async of(bystander: Bystander): Promise<HeardEvents> {
    const { channel } = bystander;
    const events = new HeardEvents();
    const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true });
    await channel.bindQueue(queue, bystander.atBroker('tidemark.events'), '#');
    await channel.consume(
      queue,
      (message) => {
        if (message) events.#hear(message.fields.routingKey, JSON.parse(message.content.toString()) as { id: string });
      },
      { noAck: true },
    );
    return events;
  }

  /** Keys of what has been told of a job so far. */
  keysOf(jobId: string): readonly string[] {
    return this.#keys.get(jobId) ?? [];
  }

  /** Resolves when something has been told of a job. */
  async heard(jobId: string): Promise<void> {
    if (this.keysOf(jobId).length > 0) return;
    await new Promise<void>((resolve) => this.#waiting.set(jobId, resolve));
  }

  #hear(key: string, { id }: { id: string }): void {
    this.#keys.set(id, [...this.keysOf(id), key]);
    this.#waiting.get(id)?.();
  }
}

/** Takes a message and never acknowledges it; resolves with what the broker says as it ends the channel for that. */
export async function overstay(address: ServicesIdentity): Promise<Error> {
  const somebody = await Bystander.open(address);
  const { channel } = somebody;
  const ended = Promise.withResolvers<Error>();
  channel.on('error', ended.resolve);
  const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true });
  await channel.consume(queue, () => undefined);
  channel.sendToQueue(queue, Buffer.from('never acknowledged'));
  const reason = await ended.promise;
  await somebody.close();
  return reason;
}

/** Resolves when somebody consumes a queue and nothing waits in it. */
export async function untilAtRest(bystander: Bystander, queue: Parameters<Bystander['stateOf']>[0]): Promise<void> {
  for (;;) {
    const state = await bystander.stateOf(queue);
    if (state && state.consumers > 0 && state.messages === 0) return;
  }
}

const LAST = 'behind the last report';

/**
 * Stops a system whose jobs have ended so that nothing goes back to its queue: a gateway that stops gives back reports
 * that it was sent and has not begun. Behind them each gets one that is none; its dead letter stays.
 */
export async function stopAtRest(it: RunningServices, bystander: Bystander): Promise<void> {
  for (const queue of ['tidemark.jobs.backup', 'tidemark.jobs.restore'] as const) await untilAtRest(bystander, queue);
  await Promise.all(it.workers.map((worker) => worker.stop()));
  await untilAtRest(bystander, 'tidemark.reports');
  const last = { body: '', messageId: LAST };
  await Promise.all(it.gateways.map(() => bystander.publish('tidemark.reports', 'progress', last)));
  await Promise.all(it.gateways.map((gateway) => gateway.toldInLog(LAST)));
  await it.stop();
}
