/** Stands in for curl: -X, -H, -d and a URL; prints the answer's body. */
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  options: {
    request: { type: 'string', short: 'X', default: 'GET' },
    header: { type: 'string', short: 'H', multiple: true, default: [] },
    data: { type: 'string', short: 'd' },
  },
  allowPositionals: true,
});
const headers = values.header.map((line) => line.split(/: */, 2));
const answer = await fetch(positionals[0], { method: values.request, headers, body: values.data });
process.stdout.write(await answer.text());
