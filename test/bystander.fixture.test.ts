import { Bystander, type RunningServices, type ServicesIdentity } from '@tidemark/testing';

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
