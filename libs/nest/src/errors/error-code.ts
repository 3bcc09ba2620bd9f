/** The `code` of an error of Node's or a library's. By its shape: an error from another realm is no `instanceof Error`. */
export function errorCodeOf(error: unknown): string | undefined {
  const isCoded = typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string';
  return isCoded ? (error.code as string) : undefined;
}
