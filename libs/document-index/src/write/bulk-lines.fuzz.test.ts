import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { MAX_DOCUMENT_BYTES } from '@tidemark/contracts';
import { cutBytes, editedBytes, fuzz, outcomeOf, textOf } from '@tidemark/testing';

import { documentText } from '../json/document-json.js';
import { mergePatch } from '../json/merge-patch.js';
import { decodePage, encodePage } from '../read/page-token.js';
import { isBlank, parseLine } from './bulk-lines.js';
import { linesOf } from './lines-of.fixture.test.js';

const own = [
  '"__proto__":{"x":1}',
  '"constructor":{"prototype":{"x":1}}',
  '"a":[1,{"b":null}]',
  '"n":1e400',
  '"":"\\ud800"',
];
const built = [
  '"documentKind":"k"',
  '"documentUpdateAction":"DELETE"',
  '"documentExpirationTimeMicros":5',
  '"documentVersion":7',
];
const line = fc.subarray([...own, ...built]).map((fields) => `{${['"documentSelfLink":"/a/b"', ...fields].join(',')}}`);
const marks = [
  '\n',
  '\r\n',
  '{',
  '}',
  '[',
  '"',
  '\\',
  '\\u0000',
  ',',
  ':',
  'null',
  '[['.repeat(300),
  '\u2028',
  '\ufeff',
];
const lines = fc.array(line, { maxLength: 4 }).chain((all) =>
  editedBytes(
    [Buffer.from(all.join('\n'))],
    marks.map((mark) => Buffer.from(mark)),
  ),
);
/** Lines about as long as the limit, and far over it. */
const long = fc.constantFrom(-30, 0, 1, 3 * MAX_DOCUMENT_BYTES).map((more) => {
  const text = `{"documentSelfLink":"/a","x":"${'x'.repeat(MAX_DOCUMENT_BYTES + more)}"}`;
  return Buffer.from(`${text}\n{"documentSelfLink":"/b"}\n`);
});
const inputs = cutBytes(fc.oneof({ weight: 200, arbitrary: lines }, { weight: 1, arbitrary: long }));

test('a line that is taken is a document of its own, and any other has its code', async () => {
  await fuzz('bulk lines', inputs, async (chunks) => {
    let held = 0;
    const outcome = await outcomeOf(() => {
      for (const text of linesOf(chunks)) {
        held = Math.max(held, text.length - Math.max(...chunks.map(({ length }) => length)));
        if (!isBlank(text)) expectDocument(parseLine(text), text.toString());
      }
    });
    expect(held).toBeLessThanOrEqual(MAX_DOCUMENT_BYTES + 1);
    if ('code' in outcome) expect(['DOCUMENT_INVALID', 'LINK_INVALID', 'TOO_LARGE']).toContain(outcome.code);
    return outcome;
  });
});

/** What a reader gets is what was sent, but for the fields that the index keeps; each its own, whatever its name. */
function expectDocument({ link, document }: ReturnType<typeof parseLine>, sent: string): void {
  const { body, kind = null, expirationTimeMicros = null } = document;
  const version = {
    link,
    version: 3,
    updateTimeMicros: 4,
    updateAction: 'PUT' as const,
    kind,
    expirationTimeMicros,
    body,
  };
  const shown = fieldsOf(documentText(version));
  for (const [name, value] of fieldsOf(sent)) if (!name.startsWith('document')) expect(shown.get(name)).toEqual(value);
  expect(shown.get('documentSelfLink')).toBe(link);
  const merged = mergePatch('{"__proto__":{"y":2},"n":1}', body);
  for (const [name, value] of fieldsOf(body))
    if (typeof value !== 'object') expect(fieldsOf(merged).get(name)).toEqual(value);
}

function fieldsOf(text: string): Map<string, unknown> {
  return new Map(Object.entries(JSON.parse(text) as object));
}

test('a page token that is taken names a place in a generation', async () => {
  const good = encodePage({ generation: 3, after: '/a/b' });
  const json = textOf(['[', ']', '1', ',', '"/a"', '{}', '[1,"/a"]', '-', '1e999', 'null', '['.repeat(5000)], 6);
  const tokens = fc.oneof(
    editedBytes([Buffer.from(good)]).map(String),
    json.map((text) => Buffer.from(text).toString('base64url')),
  );
  await fuzz('page token', tokens, async (token) => {
    const outcome = await outcomeOf(() => decodePage(token));
    if ('code' in outcome) expect(outcome.code).toBe('PARAMETER_INVALID');
    else expect(decodePage(encodePage(outcome.value))).toEqual(outcome.value);
    return outcome;
  });
});
