import { ParameterInvalidError, rangeSchema, type Range } from '@tidemark/contracts';

/** `from=<place>&to=<page>`; without `to` the range is open-ended. */
export function parseRange(rawQuery: string): Range {
  const parameters = new URLSearchParams(rawQuery);
  const range = rangeSchema.safeParse({ from: parameters.get('from'), to: parameters.get('to') });
  if (!range.success) throw new ParameterInvalidError('from, to', 'must be places in the table');
  return range.data;
}
