import { randomBytes } from 'node:crypto';
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';

import { describe, expect, test } from '@jest/globals';

import { destinationContract } from '../contract/destination.contract.js';
import { copied, expectCode, go } from '../contract/place-under-test.contract.js';
import { FileDestination } from './file-destination.js';
import { ACCESSES, attempt, backup, rootUnderTest } from './root-under-test.contract.js';

for (const access of ACCESSES) {
  destinationContract(`file (${access})`, async () => {
    const root = await mkdtemp(join(tmpdir(), 'tidemark-destination-'));
    const folder = join(root, 'a b', 'ü');
    await mkdir(folder, { recursive: true });
    const path = join(folder, 'archive.zip');
    return {
      isOverwritten: false,
      isLent: true,
      destination: () => new FileDestination({ root, path, display: `file:${path}`, access }),
      content: () => readFile(path).catch(() => undefined),
      lay: (content) => writeFile(path, content),
      temps: async () => (await readdir(folder)).filter((name) => name !== 'archive.zip'),
      spoil: async (temp, content) => {
        await writeFile(join(folder, temp), content);
        // Clocks of file systems are coarse: a write right after another can bear the same time.
        await utimes(join(folder, temp), 1, 1);
      },
      remove: (temp) => unlink(join(folder, temp)),
      clear: () => rm(root, { recursive: true }),
    };
  });
}

describe.each(ACCESSES)('in a folder (%s)', (access) => {
  const place = rootUnderTest(access);

  test('archive and missing folders are for their owner alone', async () => {
    await backup(place.at('x/y/a.zip'));
    expect((await stat(join(place.root, 'x'))).mode & 0o777).toBe(0o700);
    expect((await stat(join(place.root, 'x/y'))).mode & 0o777).toBe(0o700);
    expect((await stat(join(place.root, 'x/y/a.zip'))).mode & 0o777).toBe(0o600);
  });

  test('a temp that no job has written for a day goes; younger ones and other files stay', async () => {
    const [old, young] = ['11111111', '22222222'].map((start) => `.a.zip.${start}-0000-7000-8000-000000000000.4.part`);
    const names = [old, young, old?.replace('a.zip', 'b.zip'), '.a.zip.notes.part', 'a.zip.part'].map(String);
    for (const name of names) {
      await writeFile(join(place.root, name), '');
      if (name !== young) await utimes(join(place.root, name), 1, 1);
    }
    await backup(place.at('a.zip'));
    expect((await readdir(place.root)).sort()).toEqual([...names.slice(1), 'a.zip'].sort());
  });

  test('reading and sweeping make no folder', async () => {
    await expectCode(place.at('x/a.zip').open(go), 'ARCHIVE_NOT_FOUND');
    await place.at('x/a.zip').sweep(attempt, go);
    expect(await readdir(place.root)).toEqual([]);
  });

  test('a temp is recognised by a person', async () => {
    const draft = await place.at('a.zip').draft(attempt, go);
    expect(await readdir(place.root)).toEqual([`.a.zip.${attempt.jobId}.1.part`]);
    await draft.discard();
  });

  test('the longest name that a file can have works', async () => {
    const name = `${'ü'.repeat(125)}x.zip`;
    expect(Buffer.byteLength(name)).toBe(255);
    await backup(place.at(name));
    expect(await readdir(place.root)).toEqual([name]);
  });

  describe('an archive changed in place while it is open', () => {
    const content = randomBytes(2_000_000);
    const changes: Record<string, (path: string) => Promise<void>> = {
      truncated: (path) => truncate(path, 1_000_000),
      emptied: (path) => truncate(path, 0),
      'made longer': (path) => writeFile(path, 'x', { flag: 'a' }),
      'written over with bytes of the same length': async (path) => {
        await writeFile(path, randomBytes(content.length), { flag: 'r+' });
        await utimes(path, 1, 1);
      },
    };
    const ways = ['stream', 'lend'] as const;
    const cases = Object.keys(changes).flatMap((kind) => ways.map((way) => [kind, way] as const));
    test.each(cases)('%s is ARCHIVE_CHANGED (%s)', async (kind, way) => {
      await writeFile(join(place.root, 'a.zip'), content);
      const source = await place.at('a.zip').open(go);
      const chunks: AsyncIterable<Buffer> = source[way]!(0, content.length);
      const begun = chunks[Symbol.asyncIterator]();
      expect((await begun.next()).done).toBe(false);
      await changes[kind]?.(join(place.root, 'a.zip'));
      await expectCode(
        (async () => {
          while (!(await begun.next()).done);
        })(),
        'ARCHIVE_CHANGED',
      );
      await expectCode(copied(source[way]!(0, 10)), 'ARCHIVE_CHANGED');
      await source.close();
    });

    test('lends the same memory again, to as many at once as there are', async () => {
      await writeFile(join(place.root, 'a.zip'), content);
      const source = await place.at('a.zip').open(go);
      const lentTo = async (readers: number): Promise<unknown[]> => {
        const lending = Array.from({ length: readers }, () => source.lend!(0, content.length)[Symbol.asyncIterator]());
        const chunks = await Promise.all(lending.map(async (each) => ((await each.next()).value as Buffer).buffer));
        for (const each of lending) await each.return?.();
        return chunks;
      };
      const [two, one] = [await lentTo(2), await lentTo(1)];
      expect(new Set(two).size).toBe(2);
      expect(two).toContain(one[0]);
      await source.close();
    });

    test('removed by name it is read on', async () => {
      await writeFile(join(place.root, 'a.zip'), content);
      const source = await place.at('a.zip').open(go);
      await unlink(join(place.root, 'a.zip'));
      expect(content.equals(await buffer(source.stream(0, content.length)))).toBe(true);
      await source.close();
    });
  });

  test('under a file no backup is possible and nothing is found', async () => {
    await writeFile(join(place.root, 'file'), '');
    await expectCode(place.at('file/a.zip').draft(attempt, go), 'DESTINATION_INVALID');
    await expectCode(place.at('file/a.zip').open(go), 'ARCHIVE_NOT_FOUND');
  });

  test('what may not be read is DESTINATION_REFUSED; the superuser reads it', async () => {
    await writeFile(join(place.root, 'a.zip'), 'archive', { mode: 0o000 });
    const opening = place.at('a.zip').open(go);
    if (process.getuid?.() === 0) await (await opening).close();
    else await expectCode(opening, 'DESTINATION_REFUSED');
  });

  test('a folder that has gone during the job is DESTINATION_UNREACHABLE', async () => {
    const destination = place.at('x/a.zip');
    const draft = await destination.draft(attempt, go);
    draft.output.end('archive');
    const sealed = await draft.seal();
    await rename(join(place.root, 'x'), join(place.root, 'y'));
    await expectCode(destination.finish(sealed, attempt, go), 'DESTINATION_UNREACHABLE');
    await draft.discard();
    await rename(join(place.root, 'y'), join(place.root, 'x'));
    await destination.finish(sealed, attempt, go);
    expect(await readFile(join(place.root, 'x/a.zip'), 'utf8')).toBe('archive');
  });

  test('no descriptor stays open', async () => {
    const before = await openDescriptors(place.base);
    await backup(place.at('x/y/a.zip'));
    const source = await place.at('x/y/a.zip').open(go);
    expect(await openDescriptors(place.base)).toBeGreaterThan(before);
    await source.close();
    await (await place.at('x/y/a.zip').draft({ ...attempt, fence: 2 }, go)).discard();
    await symlink('../outside', join(place.root, 'link'));
    await expect(place.at('link/a.zip').draft(attempt, go)).rejects.toThrow();
    await expect(place.at('x').open(go)).rejects.toThrow();
    await expect(place.at('x/y/a.zip/z').draft(attempt, go)).rejects.toThrow();
    expect(await openDescriptors(place.base)).toBe(before);
  });
});

const onLinux = process.platform === 'linux' ? test : test.skip;
onLinux('a file system that lets nobody write, not even the superuser, is DESTINATION_REFUSED', async () => {
  const destination = new FileDestination({ root: '/sys', path: '/sys/a.zip', display: 'file:/sys/a.zip' });
  await expect(destination.draft(attempt, go)).rejects.toMatchObject({
    code: 'DESTINATION_REFUSED',
    details: { errno: expect.stringMatching(/^E(ACCES|PERM|ROFS)$/) },
  });
});

/** Those below a folder where the system tells, for others of the process come and go; else all of them. */
async function openDescriptors(below: string): Promise<number> {
  const descriptors = await readdir('/dev/fd');
  if (process.platform !== 'linux') return descriptors.length;
  const base = await realpath(below);
  const files = await Promise.all(descriptors.map((name) => readlink(join('/proc/self/fd', name)).catch(() => '')));
  return files.filter((file) => file.startsWith(base)).length;
}
