/** Stands in for zstd: `-dcq FILES`. */
import { readFileSync, writeSync } from 'node:fs';
import { zstdDecompressSync } from 'node:zlib';

for (const file of process.argv.slice(3)) {
  const content = zstdDecompressSync(readFileSync(file));
  for (let at = 0; at < content.length;) at += writeSync(1, content, at);
}
