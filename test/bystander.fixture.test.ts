import { randomUUID } from 'node:crypto';

import { Bystander, type RunningServices, type ServicesIdentity, type TestProcess } from '@tidemark/testing';

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

/** Resolves when so many consume a queue, or more, and nothing waits in it. */
export async function untilAtRest(
  bystander: Bystander,
  queue: Parameters<Bystander['stateOf']>[0],
  consumers = 1,
): Promise<void> {
  for (;;) {
    const state = await bystander.stateOf(queue);
    if (state && state.consumers >= consumers && state.messages === 0) return;
  }
}

/**
 * Stops a system whose jobs have ended so that nothing goes back to its queue: a gateway that stops gives back reports
 * that it was sent and has not begun. Behind them each gets one that is none; who had lost its connection, as soon
 * as it consumes again. Resolves with how many of these there were: they are dead letters.
 */
export async function stopAtRest(it: RunningServices, bystander: Bystander): Promise<number> {
  for (const queue of ['tidemark.jobs.backup', 'tidemark.jobs.restore'] as const) await untilAtRest(bystander, queue);
  await Promise.all(it.workers.map((worker) => worker.stop()));
  await untilAtRest(bystander, 'tidemark.reports', it.gateways.length);
  const reached = new Set<TestProcess>();
  let letters = 0;
  for (; reached.size < it.gateways.length; letters++) {
    const messageId = randomUUID();
    await bystander.publish('tidemark.reports', 'progress', { body: '', messageId });
    const one = await Promise.race(it.gateways.map((gateway) => gateway.toldInLog(messageId).then(() => gateway)));
    reached.add(one);
  }
  await it.stop();
  return letters;
}
