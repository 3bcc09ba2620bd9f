import { BoundaryInvalidError, MAX_MICROS, ParameterInvalidError } from '@tidemark/contracts';

const DEFAULT_LIMIT = 1000;
const MAX_LIMIT = 10_000;

/** The query of a document read; parameters that have no meaning are ignored. */
export interface DocumentQuery {
  readonly documentSelfLink: string | undefined;
  readonly version: number | undefined;
  readonly asOfMicros: number | undefined;
  readonly includeDeleted: boolean;
  readonly expand: boolean;
  readonly limit: number;
  readonly page: string | undefined;
  /** Everything but the page, for the link of the next page. */
  readonly withoutPage: URLSearchParams;
}

/** Reads a raw query. A `+` is itself: it is a character of links, and nothing here has blanks. */
export function parseDocumentQuery(rawQuery: string): DocumentQuery {
  const parameters = new URLSearchParams(rawQuery.replaceAll('+', '%2B'));
  const version = wholeNumber(parameters, 'documentVersion', { min: 0, max: Number.MAX_SAFE_INTEGER });
  const asOfMicros = boundary(parameters);
  if (version !== undefined && asOfMicros !== undefined) {
    throw new ParameterInvalidError('documentVersion', 'and timeSnapshotBoundaryMicros exclude each other');
  }
  const page = single(parameters, '$page');
  const withoutPage = new URLSearchParams(parameters);
  withoutPage.delete('$page');
  return {
    documentSelfLink: single(parameters, 'documentSelfLink'),
    version,
    asOfMicros,
    includeDeleted: parameters.has('includeDeleted'),
    expand: parameters.has('expand') || parameters.has('$expand'),
    limit: wholeNumber(parameters, '$limit', { min: 1, max: MAX_LIMIT }) ?? DEFAULT_LIMIT,
    page,
    withoutPage,
  };
}

function single(parameters: URLSearchParams, name: string): string | undefined {
  const values = parameters.getAll(name);
  if (values.length > 1) throw new ParameterInvalidError(name, 'is given more than once');
  return values[0];
}

function wholeNumber(
  parameters: URLSearchParams,
  name: string,
  { min, max }: { min: number; max: number },
): number | undefined {
  const text = single(parameters, name);
  if (text === undefined) return undefined;
  const number = /^[0-9]{1,16}$/.test(text) ? Number(text) : NaN;
  if (!(number >= min && number <= max)) {
    throw new ParameterInvalidError(name, `must be a whole number from ${min} to ${max}`);
  }
  return number;
}

function boundary(parameters: URLSearchParams): number | undefined {
  try {
    return wholeNumber(parameters, 'timeSnapshotBoundaryMicros', { min: 1, max: MAX_MICROS });
  } catch {
    throw new BoundaryInvalidError();
  }
}
