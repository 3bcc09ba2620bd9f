/** Stands in for sha256sum: `-c FILE`. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

for (const line of readFileSync(process.argv[3], 'utf8').trimEnd().split('\n')) {
  const [expected, name] = line.split('  ');
  const isSame = createHash('sha256').update(readFileSync(name)).digest('hex') === expected;
  console.log(`${name}: ${isSame ? 'OK' : 'FAILED'}`);
  if (!isSame) process.exitCode = 1;
}
