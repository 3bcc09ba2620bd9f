import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import type { ErrorCode, Operation } from '@tidemark/contracts';
import { ConfigError } from '@tidemark/platform';

import { toFileUri } from '../parse/file-uri.js';
import { parseDestination } from '../parse/parse-destination.js';
import { createDestinationPolicy, type AllowedDestination } from './destination-policy.js';
import { prepareRoots } from './prepare-roots.js';

const onLinux = process.platform === 'linux' ? test : test.skip;
const superuser = process.getuid?.() === 0;
const forOthers = (text: string): unknown => (superuser ? undefined : expect.stringContaining(text));
let base: string;
let root: string;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'tidemark-roots-'));
  root = join(base, 'backup');
});
afterEach(() => rm(base, { recursive: true }));

describe('a root', () => {
  test('is made for its owner alone, with the folders above it, and left empty', async () => {
    const deep = join(root, 'x', 'y');
    expect(await prepareRoots([deep])).toEqual([{ root: deep, serves: ['BACKUP', 'RESTORE'], complaint: undefined }]);
    for (const folder of [root, join(root, 'x'), deep]) expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect(await readdir(deep)).toEqual([]);
  });

  test('is left empty by many that try it at once, and of what one left that was killed', async () => {
    await mkdir(root);
    await writeFile(join(root, '.tidemark.probe'), '');
    const states = await Promise.all(Array.from({ length: 20 }, () => prepareRoots([root])));
    expect(states.flat().map(({ serves }) => serves.length)).toEqual(Array.from({ length: 20 }, () => 2));
    expect(await readdir(root)).toEqual([]);
  });

  test('that is there keeps its mode', async () => {
    await mkdir(root, { mode: 0o755 });
    await prepareRoots([root]);
    expect((await stat(root)).mode & 0o777).toBe(0o755);
  });

  test('is counted once, without its closing slash', async () => {
    expect(await prepareRoots([root, `${root}/`, join(base, 'x', '..', 'backup')])).toHaveLength(1);
  });

  test.each(['backup', './backup', '', '~/backup', 'file:/var/backup', '/a\nb'])('%j stops the start', async (bad) => {
    await expect(prepareRoots([root, bad])).rejects.toThrow(ConfigError);
    await expect(prepareRoots([root, bad])).rejects.toThrow('TIDEMARK_FILE_ROOTS: entry 2 must be an absolute path');
  });

  test('where a file lies is named with reason, command and a destination that works', async () => {
    await writeFile(join(base, 'my file'), '');
    const bad = join(base, 'my file', 'backup');
    const [state, good] = await prepareRoots([bad, root]);
    expect(good?.complaint).toBeUndefined();
    expect(state).toMatchObject({ root: bad, serves: [] });
    expect(state?.complaint).toBe(
      `The folder ${bad} (TIDEMARK_FILE_ROOTS) cannot be used: not a directory (ENOTDIR). To make it usable: ` +
        `\`sudo mv '${base}/my file' '${base}/my file.moved' && ` +
        `sudo install -d -o ${userInfo().username} -m 0700 '${bad}'\`. ` +
        `A destination that works already: file:${root}/archive.zip`,
    );
  });

  test('alone in its trouble says that there is no other', async () => {
    await writeFile(root, '');
    const [state] = await prepareRoots([root]);
    expect(state?.complaint).toContain('No other folder of TIDEMARK_FILE_ROOTS can be used now.');
    expect(state?.complaint).toContain(`sudo mv ${root} ${root}.moved && sudo install -d`);
  });

  onLinux('on a file system that makes nothing is refused, also where making folders would never end', async () => {
    const [state] = await prepareRoots(['/proc/tidemark/backup']);
    expect(state?.serves).toEqual([]);
    expect(state?.complaint).toContain('/proc/tidemark/backup (TIDEMARK_FILE_ROOTS) cannot be created: ');
    expect(state?.complaint).toContain(`\`sudo install -d -o ${userInfo().username} -m 0700 /proc/tidemark/backup\``);
  });

  onLinux('that can be read and not written serves restores', async () => {
    const [state] = await prepareRoots(['/sys', root]);
    expect(state?.serves).toEqual(['RESTORE']);
    expect(state?.complaint).toContain(
      'The folder /sys (TIDEMARK_FILE_ROOTS) can be restored from but not written to: ',
    );
  });

  test('that others have shut is named with what opens it; the superuser goes through', async () => {
    await mkdir(join(base, 'shut'));
    await mkdir(root);
    await chmod(join(base, 'shut'), 0o000);
    await chmod(root, 0o500);
    const inside = join(base, 'shut', 'backup');
    const [behind, own] = await prepareRoots([inside, root]);
    await chmod(join(base, 'shut'), 0o700);
    const install = `sudo install -d -o ${userInfo().username} -m 0700`;
    expect(behind?.complaint).toEqual(forOthers(`\`sudo chmod o+x ${base}/shut && ${install} ${inside}\``));
    expect(own?.complaint).toEqual(
      forOthers(`written to: permission denied (EACCES). To make it usable: \`${install} ${root}\``),
    );
    expect(own?.serves).toEqual(superuser ? ['BACKUP', 'RESTORE'] : ['RESTORE']);
  });

  test('example destinations are ones that the policy lets through', async () => {
    const odd = join(base, 'ü & 100%');
    await writeFile(join(base, 'bad'), '');
    const roots = [join(base, 'bad'), odd];
    const [state] = await prepareRoots(roots);
    const example = /works already: (.*)$/.exec(state?.complaint ?? '')?.[1] ?? '';
    const policy = createDestinationPolicy({ fileRoots: roots, httpAllow: [], httpAllowPrivate: [] });
    const allowed = await policy.check(parseDestination(example), 'BACKUP');
    expect(allowed).toMatchObject({ path: join(odd, 'archive.zip') });
  });
});

describe('the policy', () => {
  const check = (raw: string, operation: Operation = 'BACKUP'): Promise<AllowedDestination> =>
    createDestinationPolicy({
      fileRoots: [root, join(root, 'shut'), join(base, 'other/')],
      httpAllow: [
        'http://depot:8082/archives/',
        'https://files.example',
        'http://127.0.0.1:9000/a%20b',
        'http://10.0.0.1',
      ],
      httpAllowPrivate: ['127.0.0.1'],
    }).check(parseDestination(raw), operation);

  test.each(['a.zip', 'x/y/a.zip', 'ü b.zip', '...'])('lets %s in a root through', async (name) => {
    const display = `file:${root}/${name}`;
    const path = join(root, name);
    const allowed = { scheme: 'file', root, location: root, path, place: toFileUri(path), display };
    expect(await check(display)).toEqual(allowed);
    expect(await check(display, 'RESTORE')).toEqual(allowed);
  });

  test('a folder with the same beginning, a link by another name, and everything else is not allowed', async () => {
    await mkdir(root);
    await symlink(root, join(base, 'link'));
    const outside = [
      '/etc/passwd',
      '/a.zip',
      `${root}2/a.zip`,
      `${root}.zip`,
      base,
      `${base}/link/a.zip`,
      `${base}/Backup/a`,
    ];
    for (const path of outside) {
      await expect(check(`file:${path}`)).rejects.toMatchObject({
        code: 'DESTINATION_NOT_ALLOWED',
        message:
          'destination is not allowed: it is outside of what this server allows; ' +
          `TIDEMARK_FILE_ROOTS allows ${root}, ${root}/shut, ${base}/other`,
        details: { setting: 'TIDEMARK_FILE_ROOTS', allowed: [root, join(root, 'shut'), join(base, 'other')] },
      });
    }
  });

  test('the folder for archives itself is no archive', async () => {
    await expectCode(check(`file:${root}`), 'DESTINATION_INVALID');
    await expectCode(check(`file:${root}/shut`), 'DESTINATION_INVALID');
  });

  test('in an unusable root says what was said at start, until somebody repairs it', async () => {
    await writeFile(root, '');
    const [state] = await prepareRoots([root, join(root, 'shut'), join(base, 'other')]);
    const text = state?.complaint ?? '';
    expect(text).toContain(`A destination that works already: file:${base}/other/archive.zip`);
    for (const operation of ['BACKUP', 'RESTORE'] as const) {
      await expect(check(`file:${root}/a.zip`, operation)).rejects.toMatchObject({
        code: 'ROOT_UNUSABLE',
        message: text,
      });
    }
    await rm(root);
    expect(await check(`file:${root}/a.zip`)).toMatchObject({ root });
  });

  test('in roots within each other the innermost usable one counts', async () => {
    expect(await check(`file:${root}/shut/a.zip`)).toMatchObject({ root: join(root, 'shut') });
    await rm(join(root, 'shut'), { recursive: true });
    await writeFile(join(root, 'shut'), '');
    expect(await check(`file:${root}/shut/a.zip`)).toMatchObject({ root });
  });

  onLinux('a root that can only be read allows restores and no backups', async () => {
    const policy = createDestinationPolicy({ fileRoots: ['/sys'], httpAllow: [], httpAllowPrivate: [] });
    const destination = parseDestination('file:/sys/a.zip');
    expect(await policy.check(destination, 'RESTORE')).toMatchObject({ root: '/sys' });
    await expectCode(policy.check(destination, 'BACKUP'), 'ROOT_UNUSABLE');
  });

  test('with / as a root allows every file', async () => {
    const policy = createDestinationPolicy({ fileRoots: ['/'], httpAllow: [], httpAllowPrivate: [] });
    expect(await policy.check(parseDestination('file:/x/a.zip'), 'RESTORE')).toMatchObject({ root: '/' });
  });

  test('without any root allows no file', async () => {
    const policy = createDestinationPolicy({ fileRoots: [], httpAllow: [], httpAllowPrivate: [] });
    await expect(policy.check(parseDestination('file:/a.zip'), 'BACKUP')).rejects.toMatchObject({
      code: 'DESTINATION_NOT_ALLOWED',
      message: expect.stringMatching(/TIDEMARK_FILE_ROOTS allows none$/),
    });
  });

  test.each([
    ['http://depot:8082/archives/a.zip', 'http://depot:8082/archives/a.zip'],
    ['http://depot:8082/archives/x/y.zip?sig=1', 'http://depot:8082/archives/x/y.zip'],
    ['HTTP://DEPOT:8082/archives', 'http://depot:8082/archives'],
    ['https://files.example/a.zip', 'https://files.example/a.zip'],
    ['https://files.example:443/a.zip', 'https://files.example/a.zip'],
    ['http://2130706433:9000/a%20b/c', 'http://127.0.0.1:9000/a%20b/c'],
  ])('%s is allowed; it is %s', async (raw, place) => {
    expect(await check(raw)).toMatchObject({ url: new URL(raw), place, lookup: expect.any(Function) });
  });

  test('an address that is not public is allowed only where it is listed as well', async () => {
    await expect(check('http://10.0.0.1/a.zip')).rejects.toMatchObject({
      code: 'DESTINATION_NOT_ALLOWED',
      details: { setting: 'TIDEMARK_HTTP_ALLOW_PRIVATE', allowed: ['127.0.0.1'] },
    });
  });

  test.each([
    'http://depot:8082/archives2/a.zip',
    'http://depot:8082/Archives/a.zip',
    'http://depot:8082/a.zip',
    'http://depot/archives/a.zip',
    'http://depot:80/archives/a.zip',
    'https://depot:8082/archives/a.zip',
    'http://depot.evil.example:8082/archives/a.zip',
    'http://depot.:8082/archives/a.zip',
    'http://evil.example/http://depot:8082/archives/a.zip'.replace('//depot', '/depot'),
    'http://evil.example/a?http://depot:8082/archives/a.zip',
    'http://files.example/a.zip',
    'https://files.example.evil.example/a.zip',
    'https://sub.files.example/a.zip',
    'https://files.example:8443/a.zip',
    'http://127.0.0.1:9000/a+b/c',
    'http://127.0.0.1:9000/a%20bc',
    'http://127.0.0.1/a%20b/c',
    'http://169.254.169.254/latest/meta-data',
    'http://[::ffff:169.254.169.254]/latest',
    'http://localhost:9000/a%20b/c',
  ])('%s is not allowed', async (raw) => {
    await expect(check(raw)).rejects.toMatchObject({
      code: 'DESTINATION_NOT_ALLOWED',
      message: expect.stringContaining(
        'TIDEMARK_HTTP_ALLOW allows http://depot:8082/archives, https://files.example/, http://127.0.0.1:9000/a%20b, http://10.0.0.1/',
      ),
    });
  });

  test.each([
    'http://h/a/../',
    'http://h/.',
    'http://h/%2e%2e/a',
    'http://h/a%2Fb',
    'http:\\\\h\\a',
    'http://h/a b',
    'ht\ntp://h',
  ])('%j in TIDEMARK_HTTP_ALLOW stops the start: it would allow something else than it says', (bad) => {
    expect(() => createDestinationPolicy({ fileRoots: [], httpAllow: [bad], httpAllowPrivate: [] })).toThrow(
      'TIDEMARK_HTTP_ALLOW: entry 1',
    );
  });

  test.each(['depot:8082', 'ftp://h/x', 'http://', '/x', 'http://u:p@h/', 'http://h/?x', 'http://h/#x', '*', ''])(
    '%j in TIDEMARK_HTTP_ALLOW stops the start without being shown',
    (bad) => {
      expect(() =>
        createDestinationPolicy({ fileRoots: [], httpAllow: ['http://ok', bad], httpAllowPrivate: [] }),
      ).toThrow(ConfigError);
      expect(() =>
        createDestinationPolicy({ fileRoots: [], httpAllow: ['http://ok', bad], httpAllowPrivate: [] }),
      ).toThrow(/^TIDEMARK_HTTP_ALLOW: entry 2 must be a URL prefix such as https:\/\/host\/folder, without/);
    },
  );
});

async function expectCode(work: Promise<unknown>, code: ErrorCode): Promise<void> {
  await expect(work).rejects.toMatchObject({ code });
}
