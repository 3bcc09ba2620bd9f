/** Stands in for jq: `. FILE`. */
import { readFileSync } from 'node:fs';

console.log(JSON.stringify(JSON.parse(readFileSync(process.argv[3], 'utf8')), null, 2));
