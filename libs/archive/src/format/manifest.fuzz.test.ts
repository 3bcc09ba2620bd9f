import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import type { PartFacts } from '@tidemark/contracts';
import { editedBytes, fuzz, outcomeOf } from '@tidemark/testing';

import { HEADER } from '../testing/archives.test.js';
import { MAX_PARTS } from './limits.js';
import { formatManifest, makeManifest, parseManifest } from './manifest.js';
import type { Manifest } from './manifest-schema.js';

const part = (n: number): PartFacts => ({
  rows: 1 + n,
  bytes: 100,
  rawBytes: 200 + n,
  sha256: 'ab'.repeat(32),
  minUpdateTimeMicros: 1 + n,
  maxUpdateTimeMicros: 5 + n,
});
const manifests = [0, 1, 3].map((count) =>
  makeManifest(
    HEADER,
    Array.from({ length: count }, (_, n) => part(n)),
    { documents: Math.min(count, 1) },
  ),
);
const CODES = ['ARCHIVE_DAMAGED', 'ARCHIVE_FOREIGN', 'ARCHIVE_VERSION_UNKNOWN'];

const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    0,
    -1,
    1.5,
    2 ** 53,
    2 ** 60,
    '',
    'zstd',
    [],
    {},
    true,
    'parts/000002.copy.zst',
    50_001,
  ),
  fc.jsonValue({ maxDepth: 4 }),
);

/** Each field of a manifest, at any depth, put in the place of something else, left out, or joined by another. */
function changed(value: unknown): fc.Arbitrary<unknown> {
  if (typeof value !== 'object' || value === null) return fc.oneof({ weight: 9, arbitrary: fc.constant(value) }, odd);
  const entries = Object.entries(value).map(([name, each]) =>
    fc.tuple(fc.constant(name), fc.oneof({ weight: 30, arbitrary: changed(each) }, odd)),
  );
  const added = fc.tuple(fc.constantFrom('__proto__', 'constructor', 'base', 'x'), odd);
  const others = fc.oneof({ weight: 20, arbitrary: fc.constant([]) }, fc.tuple(added));
  return fc.tuple(fc.tuple(...entries), others).map(([own, more]) => {
    if (Array.isArray(value)) return own.map(([, each]) => each);
    return { toJSON: () => asWritten([...own, ...more]) };
  });
}

/** An object that JSON.stringify writes with all these fields as its own. */
function asWritten(fields: readonly (readonly [string, unknown])[]): object {
  const object = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of fields)
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true });
  return object;
}

const texts = fc
  .constantFrom(...manifests)
  .chain((manifest) => changed(manifest))
  .map((value) => Buffer.from(JSON.stringify(value)));
const edited = editedBytes(
  manifests.map((manifest) => Buffer.from(formatManifest(manifest))),
  ['"', '{', '}', '[', ']', ',', '9', '"__proto__":', '\ufeff', '['.repeat(2000)].map((text) => Buffer.from(text)),
);

test('a manifest that is taken is whole and written again the same, any other has its code', async () => {
  await fuzz('manifest', fc.oneof(texts, edited), async (bytes) => {
    const outcome = await outcomeOf(() => parseManifest(bytes));
    if ('code' in outcome) expect(CODES).toContain(outcome.code);
    else expectSound(outcome.value);
    return outcome;
  });
});

function expectSound(manifest: Manifest): void {
  expect(parseManifest(Buffer.from(formatManifest(manifest)))).toEqual(manifest);
  const { parts, totals, history, snapshot } = manifest;
  expect(parts.length).toBeLessThanOrEqual(MAX_PARTS);
  expect(parts.map(({ name }) => name)).toEqual(
    parts.map((_, n) => `parts/${String(n + 1).padStart(6, '0')}.copy.zst`),
  );
  expect(parts.reduce((rows, each) => rows + each.rows, 0)).toBe(totals.versions);
  expect(history.latestUpdateTimeMicros ?? 0).toBeLessThanOrEqual(snapshot.closedTimeMicros);
  for (const each of [manifest, manifest.snapshot, manifest.index, ...parts]) {
    expect(Object.getPrototypeOf(each)).toBe(Object.prototype);
  }
}
