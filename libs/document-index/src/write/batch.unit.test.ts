import { getDefaultHighWaterMark } from 'node:stream';

import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { copyField } from '../postgres/copy-text.js';
import { Batch, bytesInBatch } from './batch.js';
import { parseLine } from './bulk-lines.js';
import { copyLines } from './copy-lines.js';

interface Sent {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly kind: string | null;
  /** How its JSON is written. */
  readonly indent: number | string;
  /** Where in it the link is. */
  readonly linkFirst: boolean;
}

const text = fc.string({ unit: 'grapheme' }).filter((kind) => kind.isWellFormed() && !kind.includes('\0'));
const sent: fc.Arbitrary<Sent> = fc.record({
  fields: fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()),
  kind: fc.option(text),
  indent: fc.constantFrom(0, 1, '\t', ' \n'),
  linkFirst: fc.boolean(),
});

function lineOf({ fields, kind, indent, linkFirst }: Sent, link: string): Buffer {
  const built = { documentSelfLink: link, ...(kind === null ? {} : { documentKind: kind }) };
  return Buffer.from(JSON.stringify(linkFirst ? { ...built, ...fields } : { ...fields, ...built }, null, indent));
}

function copied(batch: Batch, links: readonly string[]): { text: string; chunks: number[] } {
  const chunks = [
    ...copyLines(
      batch,
      links.map((link) => ({ link, version: '3' })),
      7,
    ),
  ].length;
  const bytes: Buffer[] = [];
  for (const chunk of copyLines(
    batch,
    links.map((link) => ({ link, version: '3' })),
    7,
  ))
    bytes.push(Buffer.from(chunk));
  expect(bytes).toHaveLength(chunks);
  return { text: Buffer.concat(bytes).toString(), chunks: bytes.map(({ length }) => length) };
}

test('the COPY text of a batch has each document compact, escaped, and as it was sent', () => {
  fc.assert(
    fc.property(fc.array(sent, { minLength: 1, maxLength: 5 }), (documents) => {
      const batch = new Batch([]);
      const links = documents.map((_, n) => `/a/${n}`);
      const expected = documents.map((each, n) => {
        const line = parseLine(lineOf(each, links[n]!));
        const before = batch.memory.length;
        batch.add(line.link, line.document);
        expect(batch.memory.length - before).toBeLessThanOrEqual(bytesInBatch(line.document));
        const body = copyField(JSON.stringify(each.fields));
        return `${links[n]}\t3\t7\tPUT\t${copyField(each.kind)}\t\\N\t${body}\n`;
      });
      expect(copied(batch, links).text).toBe(expected.join(''));
      links.reverse();
      expect(copied(batch, links).text).toBe(expected.reverse().join(''));
    }),
    { numRuns: 500 },
  );
});

test('every chunk but the last is long enough that its writer waits', () => {
  const batch = new Batch([]);
  const links = Array.from({ length: 400 }, (_, n) => `/l${'l'.repeat(n)}/${n}`);
  const bodies = links.map((_, n) => JSON.stringify({ x: String(n).repeat((n * 7919) % 2000) }));
  links.forEach((link, n) => {
    const line = parseLine(Buffer.from(`{"documentSelfLink":"${link}",${bodies[n]!.slice(1)}`));
    batch.add(line.link, line.document);
  });
  const { text: all, chunks } = copied(batch, links);
  expect(all).toBe(links.map((link, n) => `${link}\t3\t7\tPUT\t\\N\t\\N\t${bodies[n]}\n`).join(''));
  expect(chunks.length).toBeGreaterThan(3);
  expect(Math.min(...chunks.slice(0, -1))).toBeGreaterThanOrEqual(getDefaultHighWaterMark(false));
});
