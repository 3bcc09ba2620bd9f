import { Controller, Inject } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';

import { asTidemarkError, ParameterInvalidError, toErrorBody, type Job, type TidemarkError } from '@tidemark/contracts';
import { isReplyAddress, NotPublishedError, type MessageMeta, type MessageOn } from '@tidemark/messaging';
import { OnQueue } from '@tidemark/nest';
import { retry } from '@tidemark/platform';

import type { AuditedRequest } from '../callers/audit.js';
import { acceptRequest } from '../management/accept-request.js';
import { checkedKey } from '../management/idempotency.js';
import { PARTS, type GatewayParts } from '../tokens.js';
import { UNTIL_IT_MENDS } from './until-it-mends.js';

type Outcome = { readonly job: Job } | { readonly error: TidemarkError };

/** Whoever the broker lets write there; its keys are apart from those of every caller over HTTP. */
const CALLER = 'tidemark.requests';

/**
 * What is asked for over the queue: the body of a PATCH, its message-id as the idempotency key. The job, or what is wrong
 * with the request, is answered on reply-to; a wrong request that waits for no answer is a dead letter. Who may write to
 * the queue is the broker's to say; to the gateway they are one caller.
 */
@Controller()
export class RequestsController {
  constructor(@Inject(PARTS) private readonly parts: GatewayParts) {}

  @OnQueue('tidemark.requests')
  async request(@Payload() { body }: MessageOn<'tidemark.requests'>, @Ctx() meta: MessageMeta): Promise<void> {
    const { replyTo } = meta;
    if (replyTo !== undefined && !isReplyAddress(replyTo)) {
      const error = new ParameterInvalidError('reply-to', 'must be amq.rabbitmq.reply-to or begin with "reply."');
      this.#audit(meta, { error });
      throw error;
    }
    let asked: AuditedRequest | undefined;
    const outcome = await this.#accept(body, { meta, onRead: (what) => (asked = what) });
    this.#audit({ ...asked, ...meta }, outcome);
    if (replyTo !== undefined) await this.#reply(replyTo, outcome, meta);
    else if ('error' in outcome) throw outcome.error;
  }

  async #accept(
    body: string,
    { meta: { messageId, signal }, onRead }: { meta: MessageMeta; onRead: (what: AuditedRequest) => void },
  ): Promise<Outcome> {
    try {
      if (messageId === undefined)
        throw new ParameterInvalidError('message-id', 'is required: it makes the request repeatable');
      const key = checkedKey('message-id', messageId);
      return await retry(
        UNTIL_IT_MENDS,
        () => acceptRequest(this.parts, { body, caller: CALLER, key, onRead }),
        signal,
      );
    } catch (error) {
      signal.throwIfAborted();
      return { error: asTidemarkError(error) };
    }
  }

  #audit({ operation, destination, messageId }: Partial<AuditedRequest> & MessageMeta, outcome: Outcome): void {
    const ended = 'job' in outcome ? { job: outcome.job.documentSelfLink } : { code: outcome.error.code };
    const audit = { name: CALLER, role: 'operator', operation, destination, from: 'queue', messageId, ...ended };
    this.parts.log.info({ audit }, 'management call');
  }

  /** The job is stored whether or not its asker still waits. */
  async #reply(replyTo: string, outcome: Outcome, { correlationId, signal }: MessageMeta): Promise<void> {
    const answer = 'job' in outcome ? outcome.job : toErrorBody(outcome.error);
    try {
      await this.parts.messaging.reply(replyTo, answer, {
        signal,
        ...(correlationId === undefined ? {} : { correlationId }),
      });
    } catch (error) {
      if (!(error instanceof NotPublishedError)) throw error;
      this.parts.log.warn({ err: error, replyTo }, 'a request over the queue was not answered');
    }
  }
}
