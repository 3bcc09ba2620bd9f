import type { FastifyReply } from 'fastify';

import { documentText, etagOf, type DocumentPage, type ReadDocument } from '@tidemark/document-index';

import type { DocumentQuery } from './document-query.js';

/** Answers with a document; 304 where the caller's `If-None-Match` names it. */
export async function sendDocument(
  reply: FastifyReply,
  { generation, version }: ReadDocument,
  status = 200,
): Promise<void> {
  const etag = etagOf(generation, version.version);
  void reply.header('etag', etag);
  if (isRead(reply) && isNamed(reply.request.headers['if-none-match'], etag)) {
    await reply.code(304).send();
    return;
  }
  await sendJson(reply, documentText(version), status);
}

/** Answers with a page of a listing; `path` is where its next page is asked for. */
export async function sendPage(
  reply: FastifyReply,
  page: DocumentPage,
  { path, query }: { path: string; query: DocumentQuery },
): Promise<void> {
  const { links, texts, next } = page;
  const fields = [`"documentLinks":${JSON.stringify(links)}`];
  if (texts)
    fields.push(`"documents":{${links.map((link, n) => `${JSON.stringify(link)}:${texts[n] ?? ''}`).join(',')}}`);
  fields.push(`"documentCount":${links.length}`);
  if (next !== null) fields.push(`"nextPageLink":${JSON.stringify(nextPageLink(path, query, next))}`);
  await sendJson(reply, `{${fields.join(',')}}`);
}

async function sendJson(reply: FastifyReply, text: string, status = 200): Promise<void> {
  await reply.code(status).type('application/json; charset=utf-8').send(text);
}

function nextPageLink(path: string, { withoutPage }: DocumentQuery, token: string): string {
  const parameters = [...withoutPage].map(([name, value]) =>
    value === '' ? name : `${name}=${encodeURIComponent(value)}`,
  );
  return `${path}?${[...parameters, `$page=${token}`].join('&')}`;
}

function isRead({ request: { method } }: FastifyReply): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** By weak comparison, as a read may; `*` names whatever is there (RFC 9110, 13.1.2). */
function isNamed(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch?.trim() === '*') return true;
  return ifNoneMatch?.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag) ?? false;
}
