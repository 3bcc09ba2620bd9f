import { Controller, Get, HttpCode, Inject, Param, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

import type { DeadLetterEntry, DeadLetterList } from '@tidemark/contracts';
import { DEAD_LETTERS, type DeadLetter } from '@tidemark/messaging';
import { rawQuery } from '@tidemark/nest';

import { wholeNumber } from '../query-parameters.js';
import { PARTS, type GatewayParts } from '../tokens.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

/** Messages that could not be handled. */
@Controller('core/management/dead-letters')
export class DeadLettersController {
  constructor(@Inject(PARTS) private readonly parts: GatewayParts) {}

  @Get()
  async list(@Req() request: FastifyRequest): Promise<DeadLetterList> {
    const limit = wholeNumber(new URLSearchParams(rawQuery(request)), '$limit', MAX_LIMIT) ?? DEFAULT_LIMIT;
    const { messaging } = this.parts;
    const states = await messaging.queueStates();
    const letters = await messaging.deadLetters(limit);
    const lying = states.find(({ queue }) => queue === DEAD_LETTERS.queue)?.waiting ?? 0;
    return { deadLetters: letters.map(asEntry), count: Math.max(lying, letters.length) };
  }

  /** 202: the message is on its queue again, and who handles it has yet to. */
  @Post(':id/replay')
  @HttpCode(202)
  async replay(@Param('id') id: string): Promise<DeadLetterEntry> {
    return asEntry(await this.parts.messaging.replay(id));
  }
}

function asEntry({ atMicros, route, messageId, obstacle, ...letter }: DeadLetter): DeadLetterEntry {
  return {
    ...letter,
    route: route ?? null,
    diedAtMicros: atMicros ?? null,
    messageId: messageId ?? null,
    replayable: obstacle === undefined,
    obstacle: obstacle ?? null,
  };
}
