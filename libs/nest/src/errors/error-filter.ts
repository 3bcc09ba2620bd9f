import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { throwError, type Observable } from 'rxjs';

import type { Logger } from '@tidemark/platform';

import { answerWithError } from './answer-with-error.js';

/** Catches everything: answers HTTP requests, and hands the errors of message handlers on to the transport as they are. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly log: Logger) {}

  catch(error: unknown, host: ArgumentsHost): Observable<never> | undefined {
    if (host.getType() === 'rpc') return throwError(() => error);
    answerWithError(host.switchToHttp().getResponse<FastifyReply>(), error, this.log);
    return undefined;
  }
}
