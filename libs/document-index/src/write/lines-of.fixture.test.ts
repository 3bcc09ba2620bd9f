import { LineSplitter } from './bulk-lines.js';

/** Support for the tests beside it (no test itself). The lines of chunks; each is valid until the next one. */
export function* linesOf(chunks: readonly Buffer[]): Generator<Buffer> {
  const lines = new LineSplitter();
  for (const chunk of chunks) {
    lines.give(chunk);
    for (let line = lines.next(); line; line = lines.next()) yield line;
  }
  const last = lines.last();
  if (last) yield last;
}
