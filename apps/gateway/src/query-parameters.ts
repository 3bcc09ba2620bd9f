import { ParameterInvalidError } from '@tidemark/contracts';

/** Undefined where it is not given; throws ParameterInvalidError. */
export function wholeNumber(parameters: URLSearchParams, name: string, max: number): number | undefined {
  const text = single(parameters, name);
  if (text === undefined) return undefined;
  const number = /^[0-9]{1,16}$/.test(text) ? Number(text) : NaN;
  if (!(number >= 1 && number <= max)) throw new ParameterInvalidError(name, `must be a whole number from 1 to ${max}`);
  return number;
}

/** Throws ParameterInvalidError where it is given more than once. */
export function single(parameters: URLSearchParams, name: string): string | undefined {
  const values = parameters.getAll(name);
  if (values.length > 1) throw new ParameterInvalidError(name, 'is given more than once');
  return values[0];
}
