import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

import { Module, type Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

import { errorBodySchema, type ErrorBody } from '@tidemark/contracts';
import { Registry, type Logger } from '@tidemark/platform';

import { createHttpApplication, type HttpApplicationOptions } from './http/http-application.js';
import { listen } from './http/listen.js';

/** For the tests of this lib only: a server on a free port, with all that it logged. */
export interface TestServer {
  readonly app: NestFastifyApplication;
  readonly url: string;
  readonly port: number;
  readonly logged: LogLine[];
  readonly metrics: Registry;
  close(): Promise<void>;
}

export interface LogLine {
  readonly level: string;
  readonly facts: Record<string, unknown>;
  readonly message: string | undefined;
}

export async function startTestServer(
  controller: Type,
  options: Partial<HttpApplicationOptions> = {},
): Promise<TestServer> {
  @Module({})
  class TestModule {}
  const logged: LogLine[] = [];
  const metrics = new Registry();
  const module = { module: TestModule, controllers: [controller] };
  const app = await createHttpApplication(module, { log: recordingLogger(logged), metrics, ...options });
  const url = await listen(app, { host: '127.0.0.1', port: 0, setting: 'PORT' });
  return { app, url, port: Number(new URL(url).port), logged, metrics, close: () => app.close() };
}

export function recordingLogger(lines: LogLine[]): Logger {
  const at =
    (level: string) =>
    (facts: Record<string, unknown>, message?: string): void => {
      lines.push({ level, facts, message });
    };
  const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'].map((level) => [level, at(level)] as const);
  const logger: unknown = { ...Object.fromEntries(levels), child: () => logger };
  return logger as Logger;
}

export interface Exchange {
  readonly method?: string;
  /** Sent as it is. */
  readonly path?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer | AsyncIterable<Uint8Array>;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: NodeJS.Dict<string>;
  readonly text: string;
}

/** One request over a connection of its own, nothing of it made nicer on the way. */
export async function exchange(
  port: number,
  { method = 'GET', path = '/', headers, body }: Exchange,
): Promise<Answered> {
  const request = httpRequest({ host: '127.0.0.1', port, method, path, agent: false, ...(headers ? { headers } : {}) });
  const answered = new Promise<Answered>((resolve, reject) => {
    request.once('error', reject);
    request.once('response', (response) => {
      text(response).then((received) => {
        const { statusCode = 0, trailers } = response;
        resolve({ status: statusCode, headers: response.headers, trailers, text: received });
      }, reject);
    });
  });
  if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) request.end(body);
  else void writeAll(request, body);
  return answered;
}

async function writeAll(request: ReturnType<typeof httpRequest>, body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of body) request.write(chunk);
  request.end();
}

/** Writes bytes to a fresh connection and gives back everything that came until the other side ended it. */
export async function converse(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes, 'latin1');
  return text(socket);
}

/** The error body of an answer, held against its schema, its status and the request id's presence. */
export function errorOf({ status, headers, text: body }: Answered): ErrorBody {
  const error = errorBodySchema.parse(JSON.parse(body));
  if (error.statusCode !== status) throw new Error(`status ${status}, but the body says ${error.statusCode}`);
  if (!headers['x-request-id']) throw new Error('no x-request-id');
  if (!headers['content-type']?.startsWith('application/json')) throw new Error('an error body that is not JSON');
  return error;
}
