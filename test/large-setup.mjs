/** What the tests of large archives need: room for two generations, an archive in the spool and one at the depot. */
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';

import findServices from './global-setup.mjs';

const GB = 1e9;
const NEEDED_BYTES = 25 * GB;

export default async function findServicesAndRoom() {
  const { bavail, bsize } = await statfs(tmpdir());
  const free = bavail * bsize;
  if (free < NEEDED_BYTES) {
    process.stderr.write(
      `This needs ${NEEDED_BYTES / GB} GB free in ${tmpdir()}; there are ${(free / GB).toFixed(1)}.\n`,
    );
    process.exit(1);
  }
  await findServices();
}
