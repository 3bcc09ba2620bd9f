import { BACKUP_KIND, jobSchema, RESTORE_KIND, type BulkResult, type ErrorBody, type Job } from '@tidemark/contracts';

export interface Answer<T = unknown> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

interface Call {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The public API as a script would call it: JSON in and out, no retries. */
export class SystemClient {
  constructor(
    readonly url: string,
    /** Of TIDEMARK_API_TOKENS. */
    private readonly token?: string,
  ) {}

  /** The same API for another caller. */
  as(token: string): SystemClient {
    return new SystemClient(this.url, token);
  }

  /** Objects are sent as JSON; a string or a stream as it is. */
  async call<T = unknown>(method: string, path: string, { body, headers = {} }: Call = {}): Promise<Answer<T>> {
    const raw = typeof body === 'string' || body instanceof ReadableStream || body instanceof Uint8Array;
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const answer = await fetch(`${this.url}${path}`, {
      method,
      headers: { ...this.#credentials, ...type, ...headers },
      ...(body === undefined ? {} : { body: raw ? (body as string) : JSON.stringify(body), duplex: 'half' }),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: (text === '' ? undefined : JSON.parse(text)) as T };
  }

  /** The text of an answer, with every digit. */
  async text(path: string): Promise<string> {
    return await (await fetch(`${this.url}${path}`, { headers: this.#credentials })).text();
  }

  async put(link: string, fields: object = {}): Promise<Answer<Record<string, unknown>>> {
    return await this.call('PUT', link, { body: fields });
  }

  /** Writes documents in bulk: link to fields, null deletes. */
  async bulk(documents: Iterable<readonly [link: string, fields: object | null]>): Promise<BulkResult> {
    const body = ReadableStream.from(chunksOf(documents));
    const headers = { 'content-type': 'application/x-ndjson' };
    const answer = await this.call<BulkResult>('POST', '/core/document-index', { body, headers });
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
    return answer.body;
  }

  /** Every document under a prefix by link, page by page; as JSON text, with numbers as JSON.parse has them. */
  async documents(prefix = '/', query = ''): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    let next: string | undefined = `/core/document-index?documentSelfLink=${prefix}*&expand${query}`;
    while (next !== undefined) {
      const page: Answer<{ documents: Record<string, object>; nextPageLink?: string }> = await this.call('GET', next);
      if (page.status !== 200) throw new Error(JSON.stringify(page.body));
      for (const [link, document] of Object.entries(page.body.documents)) found.set(link, JSON.stringify(document));
      next = page.body.nextPageLink;
    }
    return found;
  }

  async backup(destination: string, options: JobOptions = {}): Promise<Answer<Job>> {
    return await this.#request({ kind: BACKUP_KIND, destination }, options);
  }

  async restore(destination: string, options: JobOptions = {}): Promise<Answer<Job>> {
    return await this.#request({ kind: RESTORE_KIND, destination }, options);
  }

  async job(id: string): Promise<Job> {
    return jobSchema.parse((await this.call('GET', `/core/management/jobs/${id}`)).body);
  }

  /** The job as it ended. */
  async ended(id: string): Promise<Job> {
    let last: Job | undefined;
    for await (const job of this.watch(id)) last = job;
    if (!last) throw new Error(`job ${id} told nothing`);
    return last;
  }

  /** The job at the first of its revisions that is so. */
  async jobWhen(id: string, isSo: (job: Job) => boolean): Promise<Job> {
    let last: Job | undefined;
    for await (const job of this.watch(id)) {
      if (isSo(job)) return job;
      last = job;
    }
    throw new Error(`job ${id} has ended otherwise: ${JSON.stringify(last)}`);
  }

  async cancel(id: string): Promise<Answer<Job>> {
    return await this.call('DELETE', `/core/management/jobs/${id}`);
  }

  /** Each revision of a job, from its events, until it has ended. */
  async *watch(id: string, signal?: AbortSignal): AsyncGenerator<Job> {
    const answer = await fetch(`${this.url}/core/management/jobs/${id}/events`, {
      headers: this.#credentials,
      ...(signal ? { signal } : {}),
    });
    if (!answer.body) throw new Error(`no events of job ${id}: ${answer.status}`);
    let text = '';
    for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
        const sent = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
        text = text.slice(end + 2);
        if (sent !== undefined) yield jobSchema.parse(JSON.parse(sent));
      }
    }
  }

  get #credentials(): Record<string, string> {
    return this.token === undefined ? {} : { authorization: `Bearer ${this.token}` };
  }

  async #request(request: object, { wait = true, headers = {}, ...fields }: JobOptions): Promise<Answer<Job>> {
    return await this.call('PATCH', '/core/management', {
      body: { ...request, ...fields },
      headers: { ...(wait ? { prefer: 'wait=300' } : {}), ...headers },
    });
  }
}

export interface JobOptions {
  /** Waits for the job's end; true where nothing is said. */
  readonly wait?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeSnapshotBoundaryMicros?: number | string;
  readonly bearer?: string;
}

/** The error body of an answer. */
export function errorOf({ body }: Answer): ErrorBody {
  return body as ErrorBody;
}

const CHUNK_CHARACTERS = 256 * 1024;

async function* chunksOf(documents: Iterable<readonly [string, object | null]>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  let chunk = '';
  for (const [link, fields] of documents) {
    chunk += `${JSON.stringify({ ...(fields ?? { documentUpdateAction: 'DELETE' }), documentSelfLink: link })}\n`;
    if (chunk.length < CHUNK_CHARACTERS) continue;
    await Promise.resolve();
    yield encoder.encode(chunk);
    chunk = '';
  }
  if (chunk !== '') yield encoder.encode(chunk);
}
