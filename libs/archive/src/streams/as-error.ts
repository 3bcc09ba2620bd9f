/** What was thrown or given as a reason, as an error; also one of another realm, as Node's own are under Jest. */
export function asError(value: unknown): Error {
  return isError(value) ? value : new Error(String(value), { cause: value });
}

function isError(value: unknown): value is Error {
  return typeof value === 'object' && value !== null && 'message' in value && 'stack' in value;
}
