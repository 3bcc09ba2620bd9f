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

/**
 * Shows an archive when every byte of it has come, tells of each chunk what has, and forgets an upload by its id: as
 * the archive depot does. Chunks are counted by their starts.
 */
export const holdingBack = (server: TestServer): Behaviour => {
  let coming: Coming | undefined;
  return async (request, response) => {
    const id = String(request.headers['x-tidemark-upload']);
    const range = putRange(request);
    if (request.method === 'DELETE') {
      response.writeHead(coming?.id === id ? 204 : 404).end();
      if (coming?.id === id) coming = undefined;
    } else if (range === undefined) await rfc(server)(request, response);
    else {
      if (coming?.id !== id) coming = { id, bytes: Buffer.alloc(range.total), lengths: new Map() };
      const came = take(coming, range.start, await buffer(request));
      const isWhole = came === range.total;
      if (isWhole) server.content = coming.bytes;
      const covered = `bytes 0-${isWhole ? came - 1 : came}/${range.total}`;
      response.writeHead(isWhole ? 201 : 202, { 'x-tidemark-covered': covered }).end();
    }
    return true;
  };
};

/** Of an upload on its way; the lengths of its chunks by their starts. */
interface Coming {
  readonly id: string;
  readonly bytes: Buffer;
  readonly lengths: Map<number, number>;
}

/** How many bytes have come with this chunk. */
function take({ bytes, lengths }: Coming, start: number, body: Buffer): number {
  body.copy(bytes, start);
  lengths.set(start, body.length);
  return [...lengths.values()].reduce((sum, length) => sum + length, 0);
}

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
