import { execFileSync } from 'node:child_process';
import { renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, symlink, unlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { expectCode, go } from '../contract/place-under-test.contract.js';
import { FileDestination } from './file-destination.js';
import { ACCESSES, attempt, backup, rootUnderTest } from './root-under-test.contract.js';

describe.each(ACCESSES)('links, odd files and files of others (%s)', (access) => {
  const place = rootUnderTest(access);

  test('the root itself may be a link', async () => {
    await symlink(place.root, join(place.base, 'link'));
    const path = join(place.base, 'link', 'a.zip');
    await backup(new FileDestination({ root: join(place.base, 'link'), path, display: path, access }));
    expect(await readdir(place.root)).toEqual(['a.zip']);
  });

  test('a link that stays in the root is followed', async () => {
    await mkdir(join(place.root, 'real'));
    await symlink('real', join(place.root, 'link'));
    await backup(place.at('link/sub/a.zip'));
    expect(await readdir(join(place.root, 'real/sub'))).toEqual(['a.zip']);
  });

  test.each(['link/a.zip', 'link/new/a.zip'])('a link out of the root is not followed: %s', async (path) => {
    await writeFile(join(place.base, 'outside/a.zip'), 'secret');
    for (const target of ['../outside', join(place.base, 'outside'), place.base]) {
      await symlink(target, join(place.root, 'link'));
      await expectCode(place.at(path).draft(attempt, go), 'DESTINATION_NOT_ALLOWED');
      await expectCode(place.at('link/a.zip').open(go), 'DESTINATION_NOT_ALLOWED');
      await expectCode(place.at('link/a.zip').sweep(attempt, go), 'DESTINATION_NOT_ALLOWED');
      await unlink(join(place.root, 'link'));
    }
    expect(await readdir(join(place.base, 'outside'))).toEqual(['a.zip']);
  });

  test('a folder exchanged for a link out during a job is seen when the archive gets its name', async () => {
    await mkdir(join(place.root, 'x'));
    const destination = place.at('x/a.zip');
    const draft = await destination.draft(attempt, go);
    draft.output.end('archive');
    const sealed = await draft.seal();
    await rename(join(place.root, 'x'), join(place.base, 'outside/x'));
    await symlink('../outside/x', join(place.root, 'x'));
    await expectCode(destination.finish(sealed, attempt, go), 'DESTINATION_NOT_ALLOWED');
    await expectCode(draft.open(go), 'DESTINATION_NOT_ALLOWED');
    expect(await readdir(join(place.base, 'outside/x'))).toEqual([draft.temp]);
  });

  test('a link that leads nowhere or to itself is refused', async () => {
    await symlink('../outside/new', join(place.root, 'nowhere'));
    await symlink('loop', join(place.root, 'loop'));
    await expectCode(place.at('nowhere/a.zip').draft(attempt, go), 'DESTINATION_INVALID');
    await expectCode(place.at('loop/a.zip').draft(attempt, go), 'DESTINATION_INVALID');
    expect(await readdir(join(place.base, 'outside'))).toEqual([]);
  });

  describe('what is no regular file is refused for backup and restore', () => {
    let server: Server;
    beforeEach(() => {
      server = createServer();
    });
    afterEach(() => {
      server.close();
    });

    const makers: Record<string, (path: string) => unknown> = {
      'a folder': (path) => mkdir(path),
      'a symbolic link': (path) => symlink('../outside/a.zip', path),
      'a pipe': (path) => execFileSync('sh', ['-c', 'mkfifo "$0"', path]),
      'a socket': (path) => listen(server, path),
    };
    test.each(Object.keys(makers))('%s', async (kind) => {
      await makers[kind]?.(join(place.root, 'a.zip'));
      const refusal = {
        code: 'DESTINATION_INVALID',
        message: `destination is not valid: it is ${kind}, not an archive`,
      };
      await expect(place.at('a.zip').draft(attempt, go)).rejects.toMatchObject(refusal);
      await expect(place.at('a.zip').open(go)).rejects.toMatchObject(refusal);
      expect(await readdir(place.root)).toEqual(['a.zip']);
    });

    test('also when it takes the place during the job, and nothing of it is lost', async () => {
      const destination = place.at('a.zip');
      const draft = await destination.draft(attempt, go);
      draft.output.end('archive');
      const sealed = await draft.seal();
      await symlink('../outside/a.zip', join(place.root, 'a.zip'));
      await expectCode(destination.finish(sealed, attempt, go), 'DESTINATION_INVALID');
      await unlink(join(place.root, 'a.zip'));
      await destination.finish(sealed, attempt, go);
      expect(await readFile(join(place.root, 'a.zip'), 'utf8')).toBe('archive');
    });

    test('a device', async () => {
      const device = new FileDestination({ root: '/dev', path: '/dev/null', display: 'file:/dev/null', access });
      await expectCode(device.open(go), 'DESTINATION_INVALID');
    });
  });

  describe('a file that is there already', () => {
    const header = (name: string): Buffer => {
      const bytes = Buffer.alloc(30 + name.length);
      bytes.write('PK\x03\x04', 'latin1');
      bytes.writeUInt16LE(name.length, 26);
      bytes.write(name, 30);
      return bytes;
    };
    test.each([
      ['a.zip', Buffer.from('whatever')],
      ['a.ZIP', Buffer.from('whatever')],
      ['a.backup', Buffer.alloc(0)],
      ['a.backup', header('README.txt')],
      ['a.backup', header('manifest.json')],
      ['a.backup', header('parts/000001.copy.zst')],
    ])('%s is replaced where it is an archive, empty or named .zip', async (name, content) => {
      await writeFile(join(place.root, name), content);
      await backup(place.at(name), Buffer.from('new'));
      expect(await readFile(join(place.root, name), 'utf8')).toBe('new');
    });

    test.each([
      ['notes.txt', Buffer.from('notes')],
      ['zip', Buffer.from('x')],
      ['a.zip.txt', Buffer.from('PK\x03\x04 and more')],
      ['a.jar', header('META-INF/MANIFEST.MF')],
      ['a.jar', header('README.txt2')],
      ['short', Buffer.from('PK\x03\x04')],
      ['shut', header('README.txt').subarray(0, 30)],
    ])('%s is never replaced where it is anything else', async (name, content) => {
      await writeFile(join(place.root, name), content);
      await expectCode(place.at(name).draft(attempt, go), 'DESTINATION_INVALID');
      expect(await readdir(place.root)).toEqual([name]);
      expect(await readFile(join(place.root, name))).toEqual(content);
    });

    test('is not replaced when it comes during the job', async () => {
      const destination = place.at('notes.txt');
      const draft = await destination.draft(attempt, go);
      draft.output.end('archive');
      const sealed = await draft.seal();
      await writeFile(join(place.root, 'notes.txt'), 'notes');
      await expectCode(destination.finish(sealed, attempt, go), 'DESTINATION_INVALID');
      expect(await readFile(join(place.root, 'notes.txt'), 'utf8')).toBe('notes');
    });
  });

  test.each(['a forgery', 'a link out'])(
    'a temp exchanged for %s between comparing and naming is no success',
    async (by) => {
      const draft = await place.at('a.zip').draft(attempt, go);
      draft.output.end('archive');
      const sealed = await draft.seal();
      const outside = join(place.base, 'outside', 'a.zip');
      await writeFile(outside, 'of somebody else');
      const temp = join(place.root, draft.temp);
      // Asked before the first byte that is compared, and behind the last one.
      const asked = [undefined, undefined, () => renameSync(temp, `${temp}.moved`)];
      const signal = Object.assign(new AbortController().signal, {
        throwIfAborted: () => {
          const exchange = asked.shift();
          exchange?.();
          if (exchange && by === 'a link out') symlinkSync(outside, temp);
          else if (exchange) writeFileSync(temp, 'forgery');
        },
      });
      await expectCode(place.at('a.zip').finish(sealed, attempt, signal), 'DELIVERY_LOST');
      expect(asked).toEqual([]);
      expect(await readFile(outside, 'utf8')).toBe('of somebody else');
    },
  );

  test('a temp exchanged for another file is not read back as what was written', async () => {
    const draft = await place.at('a.zip').draft(attempt, go);
    draft.output.end('archive');
    await draft.seal();
    await rename(join(place.root, draft.temp), join(place.base, 'outside', 'temp'));
    await writeFile(join(place.root, draft.temp), 'forgery');
    await expectCode(draft.open(go), 'DELIVERY_LOST');
  });
});

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve) => server.listen(path, resolve));
}
