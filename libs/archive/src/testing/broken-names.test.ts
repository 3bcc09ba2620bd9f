import { README, SCHEMA, SUMS } from '../format/entry-names.js';
import {
  damaged,
  damagedPart,
  frameOf,
  GOOD,
  PART,
  withEntry,
  withHeaders,
  withLines,
  type BrokenArchive,
} from './breaking.test.js';

/** Support for the tests beside it (no test itself). Entries that are not what an archive has, by name or by kind. */

const NO_SUCH = 'archives have no entry of this name';
const named = (name: string): BrokenArchive => damaged(NO_SUCH, withEntry({ name }));

export const BROKEN_NAMES: Record<string, BrokenArchive> = {
  'name-in-small-letters': named('readme.txt'),
  'name-in-capitals': named('PARTS/000001.COPY.ZST'),
  'manifest-in-capitals': named('MANIFEST.JSON'),
  'name-in-wide-letters': named('ＲEADME.txt'),
  'name-with-a-nul': named(`${README}\0`),
  'name-cut-off-by-a-nul': named(`${README}\0.exe`),
  'name-with-a-blank-behind': named(`${README} `),
  'name-with-a-dot-behind': named(`${SCHEMA}.`),
  'name-with-a-dot-before': named(`./${README}`),
  'name-that-goes-round': named(`parts/../${README}`),
  'name-of-the-parent': named('..'),
  'name-of-a-drive': named('C:\\Windows\\System32\\drivers\\etc\\hosts'),
  'name-of-a-share': named('\\\\server\\share\\file'),
  'name-of-a-device': named('CON'),
  'name-with-a-line-end': named('parts/000001.copy.zst\n'),
  'name-not-utf8': damaged(NO_SUCH, withHeaders(README, {}, { name: '�' })),
  'name-of-65535-bytes': named('a'.repeat(65_535)),
  'part-of-five-digits': named('parts/00001.copy.zst'),
  'part-of-number-0': damaged('the manifest does not list it', withEntry({ name: 'parts/000000.copy.zst' })),
  'part-in-a-folder-more': named('parts/parts/000001.copy.zst'),
  'duplicate-readme': damaged(`${README}: it is there twice`, withEntry({ name: README }, 0)),
  'duplicate-sums': damaged(`${SUMS}: it is there twice`, withEntry({ name: SUMS }, 5)),
  'name-only-in-the-directory': damaged(NO_SUCH, withHeaders(PART, {}, { name: '/etc/cron.d/x' })),
};

const special = (attributes: number, madeBy = 0x032d): BrokenArchive =>
  damaged('it is a link or another special file', withHeaders(PART, {}, { attributes, madeBy }));

export const BROKEN_KINDS: Record<string, BrokenArchive> = {
  'part-a-link': special(0xa1ff0000),
  'part-a-folder': special(0x41ed0010),
  'part-a-device': special(0x61b60000),
  'part-a-terminal': special(0x21b60000),
  'part-a-pipe': special(0x11b60000),
  'part-a-socket': special(0xc1ff0000),
  'part-hidden': damaged('attributes of its own', withHeaders(PART, {}, { attributes: 0x81a40022 })),
  'part-for-all-to-run': damaged('attributes of its own', withHeaders(PART, {}, { attributes: 0x89ed0000 })),
  'made-by-another-tool': damaged('another tool made it', withHeaders(PART, {}, { madeBy: 0x0014 })),
  'part-encrypted-strongly': damaged('it is encrypted', withHeaders(PART, { flags: 0x49 }, { flags: 0x49 })),
  'part-encrypted-by-aes': damaged(
    'it is encrypted',
    withHeaders(
      PART,
      { flags: 9, method: 99 },
      { flags: 9, method: 99, extra: Buffer.from('0199070002004145030000', 'hex') },
    ),
  ),
  'directory-encrypted': damaged('unknown flags', withHeaders(PART, {}, { flags: 0x2008 })),
  'manifest-encrypted': damaged('it is encrypted', withHeaders('manifest.json', { flags: 1 }, { flags: 1 })),
  'part-encrypted-only-in-its-header': damagedPart('header contradicts', withHeaders(PART, { flags: 9 }, {})),
  'comment-of-65535-bytes': damaged('it has a comment', withHeaders(PART, {}, { comment: 'c'.repeat(65_535) })),
  'extra-field-of-65535-bytes': damaged(
    'unknown extra field',
    withHeaders(PART, {}, { extra: Buffer.alloc(65_535, 7) }),
  ),
  'extra-field-in-header-of-65535-bytes': damaged(
    'begins at byte',
    withHeaders(README, { extra: Buffer.alloc(65_535, 7) }, {}),
  ),
  'extra-field-in-the-header-of-a-part': damaged('begins at byte', withHeaders(PART, { extra: Buffer.alloc(4) }, {})),
  'name-longer-in-header': damagedPart('header contradicts', withHeaders(PART, { nameLength: 65_535 }, {})),
  'stored-by-an-unknown-method': damaged('compressed once more', withHeaders(PART, { method: 12 }, { method: 12 })),
};

/** Whatever begins or ends where another does, or beyond the zip. */
export const MISPLACED: Record<string, BrokenArchive> = {
  'two-records-of-one-place': damaged('begins at byte 0', withHeaders(PART, {}, { offset: 0 })),
  'entry-inside-another': damaged('begins at byte 40', withHeaders(SCHEMA, {}, { offset: 40 })),
  'entry-in-the-directory': damaged('begins at byte', withHeaders(SUMS, {}, { offset: 5200 })),
  'sums-past-the-end': damaged('begins at byte', withHeaders(SUMS, {}, { offset: 0xfffffff0 })),
  'part-larger-than-the-zip': damaged(
    'begins at byte',
    withHeaders(PART, {}, { size: 0xfffffffe, storedSize: 0xfffffffe }),
  ),
  'manifest-larger-than-the-zip': damaged(
    'it is not in the zip',
    withHeaders('manifest.json', {}, { size: 1_000_000, storedSize: 1_000_000 }),
  ),
  'part-of-no-bytes': damaged('begins at byte', withHeaders(PART, {}, { size: 0, storedSize: 0 })),
  'hidden-entry-behind-the-last': damaged('the last entry ends at byte', withEntry({ name: 'x', hidden: true }, 5)),
  'parts-exchanged': damagedPart('its SHA-256 is another one', exchanged()),
  'part-listed-twice': damaged('parts[1]: its name is not its number', {
    manifest: (manifest) => JSON.stringify({ ...manifest, parts: [manifest.parts[0], manifest.parts[0]] }),
  }),
};

/** Two parts of the same length, each in the other's place; headers and directory are true, manifest and sums as before. */
function exchanged(): ReturnType<typeof withLines> {
  const [one, other] = [GOOD, GOOD.replace('/a', '/b')];
  const contents = [frameOf(other), frameOf(one)];
  return {
    ...withLines([one, other], 2),
    entries: (entries) =>
      entries.map((entry) => (entry.name.startsWith('parts/') ? { ...entry, content: contents.shift()! } : entry)),
  };
}
