import { expect } from '@jest/globals';
import fc from 'fast-check';

import { exchange, type RawAnswer, type RunningSystem, type StoredVersion } from '@tidemark/testing';

import {
  content,
  jsonText,
  patched,
  replaced,
  requestText,
  textOf,
  type Content,
  type Fields,
} from './document-model.fixture.test.js';

/** Support for property tests (no test itself: its name has no tier). Histories: what is done, and what must come of it. */

type Method = 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One call for one document; with an If-Match that names its version, any version, or another one. */
export interface Write {
  readonly type: 'write';
  readonly method: Method;
  readonly link: string;
  readonly content: Content;
  readonly match: 'none' | 'current' | 'any' | 'stale';
  /** Writes the path with needless percent-encoding. */
  readonly encoded: boolean;
}

/** Lines of a bulk write, null deletes; where there is a bad one it is the last. */
export interface Bulk {
  readonly type: 'bulk';
  readonly lines: readonly { readonly link: string; readonly content: Content | null }[];
  readonly bad: string | null;
}

/** Calls for different documents, all at once. */
export interface Together {
  readonly type: 'together';
  readonly writes: readonly Write[];
}

/** A write to what is no link. */
export interface Refused {
  readonly type: 'refused';
  readonly path: string;
}

export type Operation = Write | Bulk | Together | Refused;

export const LINKS = [
  '/a',
  '/a/b',
  '/a/b/c',
  '/a/b-',
  '/a-b',
  '/a.b/~',
  '/A/b',
  "/odd/@home:!$'()+,;=~",
  `/long/${'b'.repeat(1018)}`,
  `${'/x'.repeat(511)}/y`,
];
const NO_LINKS = ['/odd/%C3%A9', '/odd/a%20b', '/a//b', '/a/%2e%2e', '/a%2Fb', `/${'x'.repeat(1024)}`, '/%63ore/x'];
const BAD_LINES = [
  '{oops',
  '{}',
  '[]',
  ...['/é', '/core/x', 'a', '/a/'].map((link) => `{"documentSelfLink":"${link}"}`),
];

const link = fc.oneof({ arbitrary: fc.constantFrom(...LINKS.slice(0, 3)), weight: 2 }, fc.constantFrom(...LINKS));
const write: fc.Arbitrary<Write> = fc.record({
  type: fc.constant('write' as const),
  method: fc.constantFrom<Method[]>('POST', 'PUT', 'PUT', 'PATCH', 'PATCH', 'DELETE'),
  link,
  content,
  match: fc.constantFrom('none', 'none', 'none', 'current', 'any', 'stale'),
  encoded: fc.boolean(),
});

export const operation: fc.Arbitrary<Operation> = fc.oneof(
  { arbitrary: write, weight: 5 },
  {
    arbitrary: fc.record({
      type: fc.constant('bulk' as const),
      lines: fc.array(fc.record({ link, content: fc.option(content, { freq: 3 }) }), { minLength: 1, maxLength: 6 }),
      bad: fc.option(fc.constantFrom(...BAD_LINES), { freq: 1 }),
    }),
    weight: 3,
  },
  {
    arbitrary: fc.record({
      type: fc.constant('together' as const),
      writes: fc.uniqueArray(write, { minLength: 2, maxLength: 5, selector: (one) => one.link }),
    }),
    weight: 1,
  },
  fc.record({ type: fc.constant('refused' as const), path: fc.constantFrom(...NO_LINKS) }),
);

interface Entry {
  readonly version: StoredVersion;
  readonly fields: Fields;
}

/** Every version that there must be. */
export class History {
  #entries = new Map<string, readonly Entry[]>();

  /** The latest version of a link, a tombstone too. */
  latest(of: string): Entry | undefined {
    return this.#entries.get(of)?.at(-1);
  }

  /** As it is there for readers. */
  current(of: string): Entry | undefined {
    const latest = this.latest(of);
    return latest?.version.action === 'DELETE' ? undefined : latest;
  }

  /** Adds a version as it must be, whatever the index says, but for its stamp; returns it. */
  add(of: string, { action, fields, stamp }: { action: Method; fields: Fields; stamp: number }): StoredVersion {
    const { members, kind, expiration } = fields;
    const number = (this.latest(of)?.version.version ?? -1) + 1;
    const version = { link: of, version: number, stamp, action, kind, expiration, body: jsonText(members) };
    this.#entries.set(of, [...(this.#entries.get(of) ?? []), { version, fields }]);
    return version;
  }

  /** In the order of links and versions. */
  versions(upTo = Infinity): StoredVersion[] {
    const links = [...this.#entries.keys()].sort();
    return links
      .flatMap((one) => this.#entries.get(one)?.map(({ version }) => version) ?? [])
      .filter(({ stamp }) => stamp <= upTo);
  }

  /** Rising, each once. */
  stamps(): number[] {
    return [...new Set(this.versions().map(({ stamp }) => stamp))].sort((a, b) => a - b);
  }

  /** What a restore to a time leaves of it. */
  cutAt(time: number): void {
    const kept = [...this.#entries].map(
      ([one, entries]) => [one, entries.filter(({ version }) => version.stamp <= time)] as const,
    );
    this.#entries = new Map(kept.filter(([, entries]) => entries.length > 0));
  }
}

/** Performs an operation and adds to the history what must have come of it; the answers must say just that. */
export async function perform(system: RunningSystem, history: History, done: Operation): Promise<void> {
  const last = history.stamps().at(-1) ?? 0;
  switch (done.type) {
    case 'write':
      await performWrite(system, history, { ...done, last });
      return;
    case 'together':
      await Promise.all(done.writes.map((one) => performWrite(system, history, { ...one, last })));
      return;
    case 'bulk':
      await performBulk(system, history, { ...done, last });
      return;
    case 'refused': {
      const answer = await exchange(system.url, { method: 'PUT', path: done.path, body: '{}', headers: JSON_TYPE });
      expect([done.path, codeOf(answer)]).toEqual([
        done.path,
        done.path === '/%63ore/x' ? 'NOT_FOUND' : 'LINK_INVALID',
      ]);
    }
  }
}

const JSON_TYPE = { 'content-type': 'application/json' };

type After<T> = T & { readonly last: number };

async function performWrite(system: RunningSystem, history: History, done: After<Write>): Promise<void> {
  const { method, content: sent, last } = done;
  const current = history.current(done.link);
  const answer = await send(system, done);
  const refusal = refusalOf(done, history);
  if (refusal !== undefined) {
    expect([method, codeOf(answer)]).toEqual([method, refusal]);
    return;
  }
  const isNew = method === 'POST' || (method === 'PUT' && !current);
  expect([method, answer.status, answer.text.slice(0, 200)]).toEqual([method, isNew ? 201 : 200, expect.anything()]);
  if (method === 'DELETE' && !current) {
    expect(answer.text).toBe('');
    return;
  }
  const stamp = stampIn(answer.text);
  expect(stamp).toBeGreaterThan(last);
  const fields =
    method === 'DELETE' ? current!.fields : method === 'PATCH' ? patched(current!.fields, sent) : replaced(sent);
  expect(answer.text).toBe(textOf(history.add(done.link, { action: method, fields, stamp })));
}

async function send(
  system: RunningSystem,
  { method, link: of, content: sent, match, encoded }: Write,
): Promise<RawAnswer> {
  const parent = of.slice(0, of.lastIndexOf('/'));
  const path = method === 'POST' ? parent || '/' : of;
  const selfLink = JSON.stringify(encoded ? of : of.slice(parent.length + 1));
  const current = (await exchange(system.url, { method: 'HEAD', path: of })).headers.etag ?? '"1-0"';
  const tag = { none: undefined, current, any: '*', stale: '"0-0"' }[match];
  return await exchange(system.url, {
    method,
    path: encoded ? path.replaceAll('b', '%62').replaceAll('~', '%7e') : path,
    headers: { ...(method === 'DELETE' ? {} : JSON_TYPE), ...(tag === undefined ? {} : { 'if-match': tag }) },
    ...(method === 'DELETE'
      ? {}
      : { body: requestText(sent, method === 'POST' ? [['documentSelfLink', selfLink]] : []) }),
  });
}

/** The code that a write must be refused with. */
function refusalOf({ method, link: of, match }: Write, history: History): string | undefined {
  const current = history.current(of);
  if (method === 'POST') return current && 'DOCUMENT_EXISTS';
  if (match === 'stale' || (match !== 'none' && !current)) return 'VERSION_MISMATCH';
  if (method !== 'PATCH' || current) return undefined;
  return history.latest(of) ? 'DOCUMENT_DELETED' : 'DOCUMENT_NOT_FOUND';
}

/** A bulk write is as many transactions as it takes for none to have a link twice, each with one stamp. */
async function performBulk(system: RunningSystem, history: History, { lines, bad, last }: After<Bulk>): Promise<void> {
  const texts = lines.map(({ link: of, content: sent }) =>
    requestText(sent ?? NOTHING, [
      ['documentSelfLink', JSON.stringify(of)],
      ...(sent ? [] : [['documentUpdateAction', '"DELETE"'] as const]),
    ]),
  );
  const answer = await exchange(system.url, {
    method: 'POST',
    path: '/core/document-index',
    headers: { 'content-type': 'application/x-ndjson' },
    body: [...texts, ...(bad === null ? [] : [bad])].join('\n'),
  });
  let before = last;
  let written = 0;
  for (const batch of batchesOf(lines)) {
    const stamps: number[] = [];
    for (const line of batch) stamps.push(...(await addLine(system, history, line)));
    expect(new Set(stamps).size).toBeLessThanOrEqual(1);
    for (const stamp of stamps) expect(stamp).toBeGreaterThan(before);
    before = Math.max(before, ...stamps);
    written += stamps.length;
  }
  const lastUpdateTimeMicros = written === 0 ? null : before;
  expect(JSON.parse(answer.text)).toMatchObject(
    bad === null
      ? { accepted: lines.length, versions: written, lastUpdateTimeMicros }
      : { code: 'LINE_INVALID', details: { line: lines.length + 1, stored: lines.length } },
  );
}

/** Adds what a line must have made, which can be read now; returns its stamp, or none where there was nothing to delete. */
async function addLine(system: RunningSystem, history: History, line: Bulk['lines'][number]): Promise<number[]> {
  const { link: of, content: sent } = line;
  const current = history.current(of);
  if (!sent && !current) return [];
  const number = (history.latest(of)?.version.version ?? -1) + 1;
  const query = `documentSelfLink=${encodeURIComponent(of)}&documentVersion=${number}`;
  const text = await system.client.text(`/core/document-index?${query}`);
  const stamp = stampIn(text);
  const fields = sent ? replaced(sent) : current!.fields;
  expect(text).toBe(textOf(history.add(of, { action: sent ? 'PUT' : 'DELETE', fields, stamp })));
  return [stamp];
}

const NOTHING: Content = { members: [], fat: 0, kind: undefined, expiration: undefined };

function batchesOf(lines: Bulk['lines']): Bulk['lines'][] {
  const batches: Bulk['lines'][number][][] = [[]];
  for (const line of lines) {
    if (batches.at(-1)!.some((other) => other.link === line.link)) batches.push([]);
    batches.at(-1)!.push(line);
  }
  return batches;
}

function codeOf({ text }: RawAnswer): string {
  return (JSON.parse(text) as { code: string }).code;
}

function stampIn(text: string): number {
  return Number(
    /"documentUpdateTimeMicros":(\d+),"documentUpdateAction":"[A-Z]+"(?:,"[A-Za-z]+":\d+)?\}$/.exec(text)?.[1],
  );
}
