/** Stands in for unzip where nothing in the zip is compressed: `-l ZIP` and `-q ZIP -d FOLDER`. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  options: {
    list: { type: 'boolean', short: 'l' },
    quiet: { type: 'boolean', short: 'q' },
    directory: { type: 'string', short: 'd', default: '.' },
  },
  allowPositionals: true,
});
const zip = readFileSync(positionals[0]);
const end = zip.lastIndexOf('PK\x05\x06');
for (let at = zip.readUInt32LE(end + 16), left = zip.readUInt16LE(end + 10); left > 0; left--) {
  const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => zip.readUInt16LE(at + offset));
  const [size, local] = [20, 42].map((offset) => zip.readUInt32LE(at + offset));
  const name = zip.toString('utf8', at + 46, at + 46 + nameLength);
  const data = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
  if (values.list) console.log(`${String(size).padStart(9)}  1980-01-01 00:00   ${name}`);
  else extract(join(values.directory, name), zip.subarray(data, data + size));
  at += 46 + nameLength + extraLength + commentLength;
}

function extract(path, content) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}
