import { LinkInvalidError } from '@tidemark/contracts';

const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._~+=@,-]*$/;
/** As a file's name, where each `/` takes three. */
const MAX_FILE_NAME = 240;
const SLASH = '%2F';

/** The name in the rest of a path behind `/archives/`, still percent-encoded. Throws LINK_INVALID. */
export function parseArchiveName(encoded: string): string {
  const segments = encoded.split('/').map((segment) => decoded(encoded, segment));
  const wrong = segments.find((segment) => !SEGMENT.test(segment));
  if (wrong !== undefined) {
    throw new LinkInvalidError(
      encoded,
      'segments are of A-Z a-z 0-9 - . _ ~ + = @ , and begin with one of A-Z a-z 0-9 _',
    );
  }
  const name = segments.join('/');
  if (fileNameOf(name).length > MAX_FILE_NAME) throw new LinkInvalidError(encoded, 'it is too long for a file');
  return name;
}

/** All archives lie in one folder: a slash in a name is no folder on the disk. */
export function fileNameOf(name: string): string {
  return name.replaceAll('/', SLASH);
}

/** Undefined for files that are no archives, such as those of uploads, which are hidden. */
export function nameOfFile(file: string): string | undefined {
  const name = file.replaceAll(SLASH, '/');
  return name.split('/').every((segment) => SEGMENT.test(segment)) && file.length <= MAX_FILE_NAME ? name : undefined;
}

function decoded(encoded: string, segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new LinkInvalidError(encoded, 'its percent-encoding is broken');
  }
}
