import { Controller, Delete, Get, Inject, Put, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { MethodNotAllowedError, NotFoundError, ParameterInvalidError } from '@tidemark/contracts';
import { rawPath, rawQuery, streamedBody } from '@tidemark/nest';

import type { DepotFigures } from '../figures.js';
import { chunkOf, parseContentRange } from '../ranges/content-range.js';
import type { SendingAttempt } from '../store/fences.js';
import { receiveWhole } from '../store/receive-whole.js';
import { STORE, type Store } from '../store/store.js';
import { FIGURES } from '../tokens.js';
import { sendArchive, sendReceived, sendStored } from './archive-answers.js';
import { listArchives, type ArchiveList } from './archive-list.js';
import { parseArchiveName } from './archive-name.js';
import { preconditionOf } from './preconditions.js';

const PREFIX = '/archives/';
/** Names an upload: its chunks belong together, and to no other's. */
const UPLOAD_HEADER = 'x-tidemark-upload';
const UPLOAD = /^[\w.:-]{1,128}$/;

/** Of a sender that runs jobs more than once: `<job>.<fence>`. */
const ATTEMPT_HEADER = 'x-tidemark-attempt';
const ATTEMPT = /^(?<job>[\w-]{1,128})\.(?<fence>\d{1,15})$/;

/** Archives by their names. */
@Controller('archives')
export class ArchivesController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(FIGURES) private readonly figures: DepotFigures,
  ) {}

  @Get()
  async list(@Req() request: FastifyRequest): Promise<ArchiveList> {
    return await listArchives(this.store, rawQuery(request));
  }

  @Get('*')
  async read(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    if (rawPath(request) === PREFIX) {
      await reply.send(await this.list(request));
      return;
    }
    const name = nameOf(request);
    const archive = await this.store.folder.open(name);
    if (!archive) throw new NotFoundError(`archive ${name}`);
    await sendArchive(reply, archive, (bytes) => this.figures.sent.inc(bytes));
  }

  @Put('*')
  async write(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const name = nameOf(request);
    const { headers } = request;
    const { folder, uploads } = this.store;
    const precondition = preconditionOf(headers);
    precondition((await folder.look(name))?.etag);
    const length = bodyLengthOf(headers);
    const body = this.#counted(streamedBody(request));
    const upload = uploadOf(request);
    const range = headers['content-range'];
    if (range === undefined) {
      await sendStored(reply, await receiveWhole(this.store, { name, body, length, precondition }));
      return;
    }
    const chunk = chunkOf(parseContentRange(range), length);
    const target = { name, total: chunk.total, upload, userAgent: headers['user-agent'] ?? '' };
    const received = await uploads.receive(target, { chunk, body, precondition, attempt: attemptOf(request) });
    await sendReceived(reply, received, chunk.total);
  }

  /** An upload that is named by its header alone, or the archive and whatever has come for its name. */
  @Delete('*')
  async remove(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const name = nameOf(request);
    const { folder, uploads } = this.store;
    const upload = uploadOf(request);
    const precondition = preconditionOf(request.headers);
    precondition((await folder.look(name))?.etag);
    const attempt = attemptOf(request);
    const dropped = await uploads.drop(name, {
      ...(upload === undefined ? {} : { upload }),
      ...(attempt === undefined ? {} : { attempt }),
    });
    if (upload !== undefined) {
      if (!dropped) throw new NotFoundError(`upload ${upload} of ${name}`);
    } else if (!dropped || (await folder.look(name))) await folder.remove(name, precondition);
    await reply.code(204).send();
  }

  async *#counted(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const bytes of body) {
      this.figures.received.inc(bytes.length);
      yield bytes;
    }
  }
}

function nameOf(request: FastifyRequest): string {
  const rest = rawPath(request).slice(PREFIX.length);
  if (rest === '') throw new MethodNotAllowedError(request.method, ['GET', 'HEAD']);
  return parseArchiveName(rest);
}

function uploadOf({ headers }: FastifyRequest): string | undefined {
  const upload = headers[UPLOAD_HEADER];
  if (upload === undefined) return undefined;
  if (typeof upload !== 'string' || !UPLOAD.test(upload)) {
    throw new ParameterInvalidError(UPLOAD_HEADER, 'must be 1 to 128 of A-Z a-z 0-9 _ . : -');
  }
  return upload;
}

function attemptOf({ headers }: FastifyRequest): SendingAttempt | undefined {
  const text = headers[ATTEMPT_HEADER];
  if (text === undefined) return undefined;
  const { job, fence } = ATTEMPT.exec(String(text))?.groups ?? {};
  if (job === undefined) throw new ParameterInvalidError(ATTEMPT_HEADER, 'must be <job>.<fence>');
  return { job, fence: Number(fence) };
}

/** Undefined where only the end of the body tells it. */
function bodyLengthOf(headers: FastifyRequest['headers']): number | undefined {
  const { 'content-length': length, 'transfer-encoding': encoding } = headers;
  if (length !== undefined) return Number(length);
  return encoding === undefined ? 0 : undefined;
}
