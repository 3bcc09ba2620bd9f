import { ArchiveForeignError } from '../errors.js';
import { isEntryName, isPartName, shown } from '../format/entry-names.js';

/** Of the four fixed names one may be damaged. */
const ENOUGH_NAMES = 3;
const NAMES_SHOWN = 3;
/** Files of a Lucene index lie flat beside their list of segments. */
const LUCENE_SEGMENTS = /^segments(_[0-9a-z]+|\.gen)$/;

/** Throws ARCHIVE_FOREIGN for the entries of a zip that was never an archive of ours, damaged or not. */
export function checkRecognised(names: readonly string[]): void {
  if (names.some(isPartName) || names.filter(isEntryName).length >= ENOUGH_NAMES) return;
  if (names.some((name) => LUCENE_SEGMENTS.test(name))) {
    throw new ArchiveForeignError(
      'it is a zip of a Lucene index, as Xenon wrote its backups; such files cannot be read here',
    );
  }
  if (names.length === 0) throw new ArchiveForeignError('it is a zip with nothing in it');
  const some = names.slice(0, NAMES_SHOWN).map(shown).join(', ');
  throw new ArchiveForeignError(`it is a zip of something else (${names.length} entries: ${some})`);
}
