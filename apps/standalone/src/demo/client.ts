import type { BulkResult, Job } from '@tidemark/contracts';

const KIND = 'com:vmware:xenon:services:common:ServiceHostManagementService:';
const BUILT_IN = /^document(Version|SelfLink|UpdateTimeMicros|UpdateAction|Kind|ExpirationTimeMicros)$/;

interface Page {
  readonly documents: Readonly<Record<string, Record<string, unknown>>>;
  readonly nextPageLink?: string;
}

/** The public API, as anybody would call it. */
export class DemoClient {
  constructor(readonly url: string) {}

  async writeLines(lines: Iterable<string>): Promise<BulkResult> {
    const body = ReadableStream.from(chunksOf(lines));
    const headers = { 'content-type': 'application/x-ndjson' };
    return (await this.#call('/core/document-index', { method: 'POST', headers, body, duplex: 'half' })) as BulkResult;
  }

  /** Sends a request of the contract and waits for its job; throws where it does not succeed. */
  async run(request: 'BackupRequest' | 'RestoreRequest', fields: Record<string, unknown>): Promise<Job> {
    const job = (await this.#call('/core/management', {
      method: 'PATCH',
      headers: { 'content-type': 'application/json', prefer: 'wait=600' },
      body: JSON.stringify({ kind: `${KIND}${request}`, ...fields }),
    })) as Job;
    if (job.state !== 'SUCCEEDED') throw new Error(`the job ended ${job.state}: ${JSON.stringify(job.error)}`);
    return job;
  }

  /** Every document under a prefix with its own fields, page by page. */
  async *documents(prefix: string): AsyncGenerator<[link: string, fields: Record<string, unknown>]> {
    let next: string | undefined = `/core/document-index?documentSelfLink=${prefix}*&expand&$limit=10000`;
    while (next !== undefined) {
      const page = (await this.#call(next)) as Page;
      for (const [link, document] of Object.entries(page.documents)) {
        yield [link, Object.fromEntries(Object.entries(document).filter(([name]) => !BUILT_IN.test(name)))];
      }
      next = page.nextPageLink;
    }
  }

  async #call(path: string, init?: RequestInit): Promise<unknown> {
    const answer = await fetch(`${this.url}${path}`, init);
    const body = await answer.text();
    if (!answer.ok) throw new Error(`${init?.method ?? 'GET'} ${path} answered ${answer.status}: ${body}`);
    return JSON.parse(body);
  }
}

const CHUNK_CHARACTERS = 256 * 1024;

async function* chunksOf(lines: Iterable<string>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  let chunk = '';
  for (const line of lines) {
    chunk += line;
    if (chunk.length < CHUNK_CHARACTERS) continue;
    await Promise.resolve();
    yield encoder.encode(chunk);
    chunk = '';
  }
  if (chunk !== '') yield encoder.encode(chunk);
}
