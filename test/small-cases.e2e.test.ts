import { createHash } from 'node:crypto';
import { copyFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { exchange, fingerprintOf, startSystem, type Job, type RunningSystem } from '@tidemark/testing';

jest.setTimeout(60_000); // processes are started: on a busy machine that takes its time

/** The smallest indexes, the odd boundaries, and every digit and character on their way out and back. */
let it: RunningSystem;
beforeAll(async () => {
  it = await startSystem();
});
afterAll(() => it.remove());

const archive = (name: string): string => `file:${it.archives}/${name}.zip`;

/** The job of a backup or restore that succeeded. */
async function backUp(name: string): Promise<Job & { result: Record<string, unknown> }> {
  return succeeded(await it.client.backup(archive(name)));
}
async function restore(name: string, fields: object = {}): Promise<Job & { result: Record<string, unknown> }> {
  return succeeded(await it.client.restore(archive(name), fields));
}
function succeeded({ status, body }: { status: number; body: Job }): Job & { result: Record<string, unknown> } {
  expect(body).toMatchObject({ state: 'SUCCEEDED', error: null, phase: null, attempt: 1, attempts: [] });
  expect(status).toBe(200);
  return body as Job & { result: Record<string, unknown> };
}

const stampOf = async (link: string): Promise<number> =>
  Number((await it.client.call<Record<string, unknown>>('GET', link)).body.documentUpdateTimeMicros);

describe('an empty index', () => {
  test('is backed up, and restored over one that is not, at any boundary', async () => {
    const backup = await backUp('empty');
    expect(backup.result).toMatchObject({
      documents: 0,
      versions: 0,
      earliestUpdateTimeMicros: null,
      latestUpdateTimeMicros: null,
      verified: 'EVERY_PART',
    });
    const closed = Number(backup.result.closedTimeMicros);
    for (const boundary of [undefined, 1, closed, closed + 1e12]) {
      await it.client.put('/some/a', {});
      await it.client.put('/some/a', {});
      const fields = boundary === undefined ? {} : { timeSnapshotBoundaryMicros: boundary };
      const { result, warnings } = await restore('empty', fields);
      expect(result).toMatchObject({ documents: 0, versions: 0, versionsLeftBehind: 2, restartRequired: false });
      expect(result.effectiveBoundaryMicros).toBe(Math.min(boundary ?? closed, closed));
      expect(warnings).toHaveLength(boundary !== undefined && boundary > closed ? 1 : 0);
      expect((await it.client.documents()).size).toBe(0);
      expect((await it.client.call('GET', '/some/a')).status).toBe(404);
    }
  });
});

describe('one document', () => {
  test('goes out and comes back; the result says what the archive is', async () => {
    await it.client.put('/one/a', { n: 1 });
    const { text } = await exchange(it.url, { path: '/one/a' });
    const { result } = await backUp('one');
    const bytes = await readFile(join(it.archives, 'one.zip'));
    expect(result.archive).toEqual({
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      parts: 1,
    });
    const stamp = await stampOf('/one/a');
    expect(result).toMatchObject({
      documents: 1,
      versions: 1,
      earliestUpdateTimeMicros: stamp,
      latestUpdateTimeMicros: stamp,
    });
    expect(result.closedTimeMicros).toBeGreaterThanOrEqual(stamp);
    await it.client.call('DELETE', '/one/a');
    expect((await restore('one')).result).toMatchObject({
      documents: 1,
      versions: 1,
      versionsLeftBehind: 1,
      partsRead: 1,
      partsSkipped: 0,
    });
    expect((await exchange(it.url, { path: '/one/a' })).text).toBe(text);
  });

  test('that was deleted stays so, with its versions', async () => {
    await it.client.call('DELETE', '/one/a');
    const before = await fingerprintOf(it);
    expect((await backUp('deleted')).result).toMatchObject({ documents: 0, versions: 2 });
    expect((await restore('deleted')).result).toMatchObject({ documents: 0, versions: 2, versionsLeftBehind: 0 });
    expect((await fingerprintOf(it)).hash).toBe(before.hash);
    expect((await it.client.call('GET', '/one/a')).body).toMatchObject({ code: 'DOCUMENT_DELETED' });
    expect((await it.client.call('GET', '/one/a?documentVersion=0')).body).toMatchObject({ n: 1 });
  });
});

describe('a boundary', () => {
  let stamps: number[];
  let closed: number;
  beforeAll(async () => {
    await restore('empty');
    stamps = [];
    for (const n of [1, 2, 3]) {
      await it.client.put('/bound/a', { n });
      stamps.push(await stampOf('/bound/a'));
    }
    closed = Number((await backUp('bound')).result.closedTimeMicros);
  });

  test('before the history fails, and the index is untouched', async () => {
    const before = await fingerprintOf(it);
    const [first = 0] = stamps;
    for (const boundary of [1, first - 1]) {
      const { status, body } = await it.client.restore(archive('bound'), { timeSnapshotBoundaryMicros: boundary });
      expect(status).toBe(422);
      expect(body).toMatchObject({
        state: 'FAILED',
        attempt: 1,
        error: {
          code: 'BOUNDARY_BEFORE_HISTORY',
          retriable: false,
          details: { boundaryMicros: boundary, earliestUpdateTimeMicros: first },
        },
      });
    }
    expect(await fingerprintOf(it)).toEqual(before);
  });

  test.each([
    ['at the first version', 0, 0, 1],
    ['a microsecond before the second', 1, -1, 1],
    ['at the second', 1, 0, 2],
    ['a microsecond after the second', 1, 1, 2],
    ['at the last', 2, 0, 3],
  ])('%s', async (_what, version, offset, n) => {
    const boundary = Number(stamps[version]) + offset;
    const job = await restore('bound', { timeSnapshotBoundaryMicros: String(boundary) });
    expect(job.request).toMatchObject({ timeSnapshotBoundaryMicros: boundary });
    expect(job.result).toMatchObject({ effectiveBoundaryMicros: boundary, documents: 1, versions: n });
    expect(job.warnings).toEqual([]);
    expect((await it.client.call('GET', '/bound/a')).body).toMatchObject({ n, documentVersion: n - 1 });
  });

  test('beyond the closed time is the closed time, and says so', async () => {
    for (const boundary of [closed + 1, Number.MAX_SAFE_INTEGER]) {
      const { result, warnings } = await restore('bound', { timeSnapshotBoundaryMicros: boundary });
      expect(result).toMatchObject({ effectiveBoundaryMicros: closed, documents: 1, versions: 3 });
      expect(warnings).toEqual([
        `the boundary ${boundary} is after the archive's closed time: it was restored to ${closed}, the last moment that the archive knows`,
      ]);
    }
    const atIt = await restore('bound', { timeSnapshotBoundaryMicros: closed });
    expect(atIt.warnings).toEqual([]);
  });
});

describe('a second backup to one file', () => {
  test('takes its place whole, and the first is gone', async () => {
    await it.client.bulk(Array.from({ length: 2000 }, (_, n) => [`/twice/${n}`, { n, pad: 'long '.repeat(20) }]));
    const first = await backUp('twice');
    await it.client.bulk(Array.from({ length: 1999 }, (_, n) => [`/twice/${n}`, null]));
    await restore('one');
    const second = await backUp('twice');
    const bytes = await readFile(join(it.archives, 'twice.zip'));
    expect(bytes.length).toBe(second.result.archive && (second.result.archive as { bytes: number }).bytes);
    expect(bytes.length).toBeLessThan((first.result.archive as { bytes: number }).bytes);
    expect((await restore('twice')).result).toMatchObject({ documents: 1, versions: 1, versionsLeftBehind: 0 });
    expect((await readdir(it.archives)).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

describe('every digit and every character', () => {
  const BODIES = {
    numbers:
      '{"long":12345678901234567890,"huge":1e400,"tiny":1E-400,"exact":0.10,"minus":-0,"zeros":1.000,"plus":1e+2}',
    text: '{"emoji":"🦭👩‍👩‍👧‍👦","escaped":"\\ud83e\\uddad","lone":"\\ud800 \\udfff","nul":"\\u0000","tab":"\\t","slash":"\\/","line":"\\u2028\u2028"}',
    names: '{"":1,"a b":2,"__proto__":{"x":1},"constructor":3,"\\u0041":4,"ключ":5,"\\\\N":6}',
    copy: '{"backslash":"\\\\n \\\\. \\\\N","lines":"a\\nb\\r\\nc","quotes":"\\"\'\\""}',
    nested: `{"deep":${'['.repeat(100)}1${']'.repeat(100)},"empty":[{},[],""],"null":null,"true":true}`,
    long: `{"text":"${'äé🦭"'.replace('"', '\\"').repeat(50_000)}"}`,
  };

  test('is the same as sent, after the write, and after backup and restore, here and in a new system', async () => {
    const texts = new Map<string, string>();
    for (const [name, body] of Object.entries(BODIES)) {
      const put = await exchange(it.url, {
        method: 'PUT',
        path: `/text/${name}`,
        body,
        headers: { 'content-type': 'application/json' },
      });
      expect(put.text.startsWith(body.slice(0, -1))).toBe(true);
      texts.set(name, put.text);
    }
    await exchange(it.url, {
      method: 'PATCH',
      path: '/text/numbers',
      body: '{"more":2.50}',
      headers: { 'content-type': 'application/json' },
    });
    texts.set('numbers', await it.client.text('/text/numbers'));
    expect(texts.get('numbers')).toContain(`${BODIES.numbers.slice(0, -1)},"more":2.50,`);
    await backUp('text');
    for (const name of Object.keys(BODIES)) await it.client.call('DELETE', `/text/${name}`);
    await restore('text');
    for (const [name, text] of texts) expect(await it.client.text(`/text/${name}`)).toBe(text);

    const other = await startSystem();
    try {
      await copyFile(join(it.archives, 'text.zip'), join(other.archives, 'text.zip'));
      const { body } = await other.client.restore(`file:${other.archives}/text.zip`);
      expect(body).toMatchObject({ state: 'SUCCEEDED', result: { versionsLeftBehind: 0 } });
      for (const [name, text] of texts) expect(await other.client.text(`/text/${name}`)).toBe(text);
      expect((await fingerprintOf(other)).hash).toBe((await fingerprintOf(it)).hash);
    } finally {
      await other.remove();
    }
  });
});

test('a restore brings no ETag back', async () => {
  const etag = async (): Promise<string | null> => (await it.client.call('GET', '/text/copy')).headers.get('etag');
  const before = await etag();
  await restore('text');
  expect(await etag()).not.toBe(before);
  const late = await it.client.call('PUT', '/text/copy', { body: {}, headers: { 'if-match': before ?? '' } });
  expect(late).toMatchObject({ status: 412, body: { code: 'VERSION_MISMATCH', details: { current: await etag() } } });
});
