import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';

import { silentLogger, systemClock } from '@tidemark/platform';

import { ArchiveFolder } from './archive-folder.js';
import { UploadFiles } from './upload-files.js';
import { Uploads } from './uploads.js';

const BYTES = Buffer.from('all of an archive');
const TARGET = { name: 'a.zip', total: BYTES.length, upload: 'one', userAgent: 'test' };

/** Stands still when an archive has got its name, and nobody has been told yet. */
class HeldFolder extends ArchiveFolder {
  readonly named = Promise.withResolvers<undefined>();
  readonly goOn = Promise.withResolvers<undefined>();

  override async publish(...args: Parameters<ArchiveFolder['publish']>): ReturnType<ArchiveFolder['publish']> {
    const published = await super.publish(...args);
    this.named.resolve(undefined);
    await this.goOn.promise;
    return published;
  }
}

let path: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'tidemark-depot-'));
});
afterEach(() => rm(path, { recursive: true }));

test('the last chunk, sent again just as the archive gets its name, is compared with it, and begins no upload', async () => {
  const folder = new HeldFolder(path);
  const uploads = await Uploads.open({ folder, clock: systemClock, log: silentLogger });
  const send = (): ReturnType<Uploads['receive']> =>
    uploads.receive(TARGET, {
      chunk: { start: 0, leastEnd: BYTES.length, mostEnd: BYTES.length, total: BYTES.length },
      body: (async function* () {
        yield await Promise.resolve(BYTES);
      })(),
      precondition: () => undefined,
    });
  const first = send();
  await folder.named.promise;
  const opening = jest.spyOn(UploadFiles.prototype, 'openPart');
  const again = send();
  while (opening.mock.results.length === 0) await readdir(path);
  await expect(opening.mock.results[0]?.value).rejects.toMatchObject({ code: 'ENOENT' });
  opening.mockRestore();
  for (let turn = 0; turn < 50; turn++) await readdir(path); // more than a new upload would need to begin
  folder.goOn.resolve(undefined);
  const { whole } = await first;
  expect(whole).toMatchObject({ published: true, created: true });
  expect(await again).toMatchObject({ fresh: false, whole: { etag: whole?.etag, published: false, created: false } });
  expect(uploads.all).toEqual([]);
  expect((await readdir(path)).filter((name) => name.endsWith('.part'))).toEqual([]);
});
