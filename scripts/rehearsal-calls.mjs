/** What rehearse-services.mjs asks of the gateway, at the port that is published. */

export const request = (kind, destination, more = {}) => ({
  kind: `com:vmware:xenon:services:common:ServiceHostManagementService:${kind}`,
  destination,
  ...more,
});

/** Each of these throws where the answer is not the one that is meant. */
export class Calls {
  #operator;
  #reader;
  #tell;

  constructor({ operator, reader, tell }) {
    this.#operator = operator;
    this.#reader = reader;
    this.#tell = tell;
  }

  /** Without a token, with one that is not known, and with one for less. */
  async expectCallersRefused() {
    const patch = { body: request('BackupRequest', 'file:/var/backup/a.zip') };
    for (const token of [null, 'x'.repeat(64)]) {
      await this.#call('GET', '/core/management', { token, status: 401, code: 'UNAUTHENTICATED' });
      await this.#call('PATCH', '/core/management', { ...patch, token, status: 401, code: 'UNAUTHENTICATED' });
    }
    const token = this.#reader;
    await this.#call('GET', '/core/management/jobs', { token, status: 200 });
    await this.#call('PATCH', '/core/management', { ...patch, token, status: 403, code: 'FORBIDDEN' });
    await this.#call('PUT', '/notes/first', { body: {}, token, status: 403, code: 'FORBIDDEN' });
    const { documentLinks } = await this.#call('GET', '/core/management/jobs', { status: 200 });
    if (documentLinks.length > 0) throw new Error(`a caller who was refused has made ${documentLinks}`);
    this.#tell('callers are refused without a token (401) and with one for less (403)');
  }

  /** So that memory is used: some 60 MB. */
  async writeMany() {
    const document = (n) => JSON.stringify({ documentSelfLink: `/many/${n}`, n, text: 'much ado '.repeat(60) });
    const body = Array.from({ length: 100_000 }, (_, n) => document(n)).join('\n');
    await this.#call('POST', '/core/document-index', { body, type: 'application/x-ndjson', status: 200 });
  }

  async backUpAndRestore({ destination, ...more }) {
    await this.#call('PUT', '/notes/first', { body: { text: destination } });
    await this.#job('BackupRequest', { destination, ...more });
    await this.#call('PUT', '/notes/first', { body: { text: 'changed' } });
    await this.#job('RestoreRequest', { destination, ...more });
    const { text } = await this.#call('GET', '/notes/first', { status: 200 });
    if (text !== destination) throw new Error(`restored to ${text}`);
    this.#tell(`a backup to ${destination} and a restore from it have SUCCEEDED`);
  }

  async expectRefused({ destination, ...more }) {
    const body = request('BackupRequest', destination, more);
    await this.#call('PATCH', '/core/management', { body, status: 403, code: 'DESTINATION_NOT_ALLOWED' });
    this.#tell(`a backup to ${destination} is refused`);
  }

  async #job(kind, { destination, ...more }) {
    const body = request(kind, destination, more);
    const done = await this.#call('PATCH', '/core/management', { body, headers: { prefer: 'wait=60' } });
    if (done.state !== 'SUCCEEDED') throw new Error(`${kind}: ${JSON.stringify(done)}`);
  }

  /** Any status of success will do where none is wanted. */
  async #call(method, path, { body, type = 'application/json', headers = {}, token = this.#operator, code, status }) {
    const answer = await fetch(`http://127.0.0.1:8000${path}`, {
      method,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(body && { 'content-type': type }),
        ...headers,
      },
      ...(body && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    const answered = text === '' ? undefined : JSON.parse(text);
    if (answered?.code !== code || (status ? answer.status !== status : !answer.ok))
      throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return answered;
  }
}
