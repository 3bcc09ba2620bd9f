import { buffer } from 'node:stream/consumers';

import { answerAsAncestor } from '@tidemark/testing';

import { getRange, putRange, type Behaviour, type TestServer } from './test-server.contract.js';

/** PUT and GET of ranges as RFC 9110 has them; what is put is there at once, and of the total's length. */
export const rfc =
  (server: TestServer): Behaviour =>
  async (request, response) => {
    if (request.method === 'PUT') {
      const range = putRange(request);
      const body = await buffer(request);
      server.content = range ? place(server.content, body, range) : body;
      response.writeHead(204).end();
      return true;
    }
    if (request.method !== 'GET') return false;
    if (server.content === undefined) {
      response.writeHead(404).end();
      return true;
    }
    sendRange(server, server.content, { request, response });
    return true;
  };

/** Takes whole archives and sends whole archives; a PUT of a range is 400, as RFC 9110 recommends. */
export const plain =
  (server: TestServer): Behaviour =>
  async (request, response) => {
    if (request.method === 'PUT') {
      const body = await buffer(request);
      if (request.headers['content-range'] !== undefined) response.writeHead(400).end('no ranges');
      else {
        server.content = body;
        response.writeHead(201).end();
      }
      return true;
    }
    if (server.content === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-length': server.content.length }).end(server.content);
    return true;
  };

/** Takes each chunk for the whole, as most servers that know no ranges do. */
export const ignoring =
  (server: TestServer): Behaviour =>
  async (request, response) => {
    if (request.method !== 'PUT') return rfc(server)(request, response);
    server.content = await buffer(request);
    response.writeHead(200).end();
    return true;
  };

/** Takes a chunk only behind the bytes that it has. */
export const appending =
  (server: TestServer): Behaviour =>
  async (request, response) => {
    if (request.method !== 'PUT') return rfc(server)(request, response);
    const range = putRange(request);
    const body = await buffer(request);
    const have = server.content ?? Buffer.alloc(0);
    if (range === undefined || range.start > have.length) response.writeHead(409).end();
    else {
      server.content = Buffer.concat([have.subarray(0, range.start), body]);
      response.writeHead(204).end();
    }
    return true;
  };

/** The ancestor's file service, for the one archive of the server. */
export const ancestor =
  (server: TestServer): Behaviour =>
  async (request, response) => {
    await answerAsAncestor(server, request, response);
    return true;
  };

function place(old: Buffer | undefined, body: Buffer, at: { start: number; total: number }): Buffer {
  const content = Buffer.alloc(Math.max(at.total, at.start + body.length));
  old?.copy(content, 0, 0, content.length);
  body.copy(content, at.start);
  return content;
}

function sendRange(
  server: TestServer,
  content: Buffer,
  { request, response }: { request: Parameters<Behaviour>[0]; response: Parameters<Behaviour>[1] },
): void {
  const known = { etag: server.etag, 'last-modified': server.lastModified, 'accept-ranges': 'bytes' };
  const range = getRange(request);
  const condition = request.headers['if-range'];
  if (range === undefined || (condition !== undefined && condition !== server.etag)) {
    response.writeHead(200, { ...known, 'content-length': content.length }).end(content);
  } else if (range.start >= content.length) {
    response.writeHead(416, { ...known, 'content-range': `bytes */${content.length}` }).end();
  } else {
    const last = Math.min(range.end, content.length - 1);
    const piece = content.subarray(range.start, last + 1);
    const headers = {
      'content-range': `bytes ${range.start}-${last}/${content.length}`,
      'content-length': piece.length,
    };
    response.writeHead(206, { ...known, ...headers }).end(piece);
  }
}
