import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { DestinationInvalidError } from '@tidemark/contracts';

import { toFileUri } from './file-uri.js';
import { parseDestination } from './parse-destination.js';

describe('a file: URI', () => {
  test.each([
    ['file:/var/backup/xenon-backup.zip', '/var/backup/xenon-backup.zip'],
    ['file:///var/backup/a.zip', '/var/backup/a.zip'],
    ['FILE:/a', '/a'],
    ['file:/var/my%20backup/a.zip', '/var/my backup/a.zip'],
    ['file:/var/my backup/a.zip', '/var/my backup/a.zip'],
    ['file:/var/%C3%BC/%f0%9f%97%84.zip', '/var/ü/🗄.zip'],
    ['file:/var/ü/🗄.zip', '/var/ü/🗄.zip'],
    ['file:/var/100%25.zip', '/var/100%.zip'],
    ['file:/var/%2541.zip', '/var/%41.zip'],
    ['file:/var/a%3Fb%23c.zip', '/var/a?b#c.zip'],
    ['file:/var/a@b:c;d=e,f.zip', '/var/a@b:c;d=e,f.zip'],
    ['file:/var/.../..a/.b/c..', '/var/.../..a/.b/c..'],
    ['file:/var/.a.zip.1.part', '/var/.a.zip.1.part'],
    ['file:/C:/a.zip', '/C:/a.zip'],
    [`file:/${'n'.repeat(255)}`, `/${'n'.repeat(255)}`],
  ])('%s is the path %s', (raw, path) => {
    expect(parseDestination(raw)).toEqual({ scheme: 'file', path, display: raw });
  });

  test('is made from any path that an archive can have, and read back', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(fc.array(name.filter(isPlainName), { minLength: 1, maxLength: 5 }), (names) => {
        const path = `/${names.join('/')}`;
        expect(parseDestination(toFileUri(path))).toMatchObject({ scheme: 'file', path });
      }),
    );
  });
});

describe('an http URL', () => {
  test.each([
    ['http://host/a.zip', 'http://host/a.zip', 'http://host/a.zip'],
    ['HTTPS://Host:443/A.zip', 'https://host/A.zip', 'HTTPS://Host:443/A.zip'],
    ['http://[::1]:8082/a', 'http://[::1]:8082/a', 'http://[::1]:8082/a'],
    ['http://2130706433/a', 'http://127.0.0.1/a', 'http://2130706433/a'],
    ['http://bücher.example/ü.zip', 'http://xn--bcher-kva.example/%C3%BC.zip', 'http://bücher.example/ü.zip'],
    ['http://h/a%20b.zip', 'http://h/a%20b.zip', 'http://h/a%20b.zip'],
    ['http://h/a?k=v', 'http://h/a?k=v', 'http://h/a?k=***'],
    ['http://h/a?k=v&l=w=x&&m=', 'http://h/a?k=v&l=w=x&&m=', 'http://h/a?k=***&l=***&&***'],
    ['http://h/a?secret', 'http://h/a?secret', 'http://h/a?***'],
    ['http://h/a?c2VjcmV0IQ==', 'http://h/a?c2VjcmV0IQ==', 'http://h/a?***'],
    ['http://h/a?u=http://x/../%2F%2e?y', 'http://h/a?u=http://x/../%2F%2e?y', 'http://h/a?u=***'],
  ])('%s is %s and is shown as %s', (raw, href, display) => {
    const parsed = parseDestination(raw);
    expect(parsed).toMatchObject({ scheme: href.split(':')[0], display });
    expect('url' in parsed && parsed.url.href).toBe(href);
  });

  test('never shows a value of its query', () => {
    const secret = fc
      .stringMatching(/^[A-Za-z0-9%+/]{8,}={0,2}$/)
      .map((text) => `S3CR3T${text.replaceAll('%', '%2F')}`);
    fc.assert(
      fc.property(secret, fc.constantFrom('a=', '', 'a=b&c=', 'X-Amz-Signature='), (value, before) => {
        expect(parseDestination(`https://h/a?${before}${value}`).display).not.toContain('S3CR3T');
      }),
    );
  });
});

/** What is written -> what the message must say about it. */
const refused: [string, string][] = [
  ['', 'it is empty'],
  ['/var/backup/a.zip', 'it has no scheme'],
  ['a.zip', 'it has no scheme'],
  ['../a.zip', 'it has no scheme'],
  ['~/a.zip', 'it has no scheme'],
  [':/a.zip', 'it has no scheme'],
  ['//host/a.zip', 'it has no scheme'],
  ['1file:/a', 'it has no scheme'],
  ['fi le:/a', 'it has no scheme'],
  ['ftp://host/a.zip', 'the scheme "ftp" is not known'],
  ['s3://bucket/a.zip', 'the scheme "s3" is not known'],
  ['javascript:alert(1)', 'the scheme "javascript" is not known'],
  ['jar:file:/a.zip!/b', 'the scheme "jar" is not known'],
  ['files:/a', 'the scheme "files" is not known'],
  ['C:/a.zip', 'the scheme "C" is not known'],
  [`${'x'.repeat(100)}:/a`, `the scheme "${'x'.repeat(20)}" is not known`],

  ['file:', 'its path is empty'],
  ['file://', 'its path is empty'],
  ['file:a.zip', 'its path is relative'],
  ['file:./a.zip', 'its path is relative'],
  ['file:../a.zip', 'its path is relative'],
  ['file:~/a.zip', 'its path is relative'],
  ['file:%2Fvar/a.zip', 'its path is relative'],
  ['file:/', 'its path ends in /'],
  ['file:///', 'its path ends in /'],
  ['file:/var/backup/', 'its path ends in /'],
  ['file://host/a.zip', 'a file: URI has no host'],
  ['file://localhost/a.zip', 'a file: URI has no host'],
  ['file://127.0.0.1/a.zip', 'a file: URI has no host'],
  ['file://user@host/a.zip', 'a file: URI has no host'],
  ['file://C:/a.zip', 'a file: URI has no host'],
  ['file://./a.zip', 'a file: URI has no host'],
  ['file:////host/a.zip', 'its path has an empty segment'],
  ['file:/var//a.zip', 'its path has an empty segment'],
  ['file:/..', 'its path has a . or .. segment'],
  ['file:/../etc/passwd', 'its path has a . or .. segment'],
  ['file:/var/backup/../../etc/passwd', 'its path has a . or .. segment'],
  ['file:/var/backup/./a.zip', 'its path has a . or .. segment'],
  ['file:/var/backup/.', 'its path has a . or .. segment'],
  ['file:/var/backup/..', 'its path has a . or .. segment'],
  ['file:/var/backup/..;/a.zip', 'its path has a . or .. segment'],
  ['file:/var/backup/.;x/a.zip', 'its path has a . or .. segment'],
  ['file:/var/backup/%2e%2e/a.zip', 'it has an encoded dot (%2e)'],
  ['file:/var/backup/%2E%2E/a.zip', 'it has an encoded dot (%2E)'],
  ['file:/var/backup/.%2e/a.zip', 'it has an encoded dot (%2e)'],
  ['file:/var/backup/a%2Ezip', 'it has an encoded dot (%2E)'],
  ['file:/var/backup/%252e%252e/a.zip', 'it has an encoded dot (%252e)'],
  ['file:/var/backup%2F..%2Fa.zip', 'it has an encoded slash (%2F)'],
  ['file:/var/backup%2fa.zip', 'it has an encoded slash (%2f)'],
  ['file:/var/backup%2Fa.zip', 'it has an encoded slash (%2F)'],
  ['file:/var/backup%25252Fa.zip', 'it has an encoded slash (%25252F)'],
  ['file:/var/backup%5Ca.zip', 'it has an encoded backslash (%5C)'],
  ['file:/var/backup%5c..%5ca.zip', 'it has an encoded backslash (%5c)'],
  ['file:/var/backup/a.zip%00', 'it has an encoded zero byte (%00)'],
  ['file:/var/backup/a.zip%00.txt', 'it has an encoded zero byte (%00)'],
  ['file:/var/backup/a%0A.zip', 'it has an encoded control character'],
  ['file:/var/backup/a%1b[31m.zip', 'it has an encoded control character'],
  ['file:/var/backup/a%C2%85.zip', 'it has an encoded control character'],
  ['file:/var/backup/a%E2%80%A8.zip', 'it has an encoded control character'],
  ['file:/var/backup/a%.zip', 'a % is not followed by two hexadecimal digits'],
  ['file:/var/backup/a%2', 'a % is not followed by two hexadecimal digits'],
  ['file:/var/backup/a%zz.zip', 'a % is not followed by two hexadecimal digits'],
  ['file:/var/backup/a%u002f.zip', 'a % is not followed by two hexadecimal digits'],
  ['file:/var/backup/%ff.zip', 'its percent sequences are not valid UTF-8'],
  ['file:/var/backup/%c3.zip', 'its percent sequences are not valid UTF-8'],
  ['file:/var/backup/%c0%ae%c0%ae/a.zip', 'its percent sequences are not valid UTF-8'],
  ['file:/var/backup/%c0%af/a.zip', 'its percent sequences are not valid UTF-8'],
  ['file:/var/backup/%e0%80%af/a.zip', 'its percent sequences are not valid UTF-8'],
  ['file:/var/backup/%ed%a0%80.zip', 'its percent sequences are not valid UTF-8'],
  ['file:/var/backup/a.zip?x', 'a file: URI has no query'],
  ['file:/var/backup/a.zip?', 'a file: URI has no query'],
  ['file:/var/backup/a.zip#x', 'it has a fragment'],
  ['file:/var/backup/a.zip#', 'it has a fragment'],
  ['file:/var\\backup\\a.zip', 'it has a backslash'],
  ['file:\\\\host\\a.zip', 'it has a backslash'],
  ['file:/var/backup/..\\a.zip', 'it has a backslash'],
  ['file:/var/backup/a\0.zip', 'it has a control character'],
  ['file:/var/backup/a\n.zip', 'it has a control character'],
  ['file:/var/back\tup/a.zip', 'it has a control character'],
  ['fi\nle:/var/backup/a.zip', 'it has a control character'],
  ['file:/var/backup/a\x7f.zip', 'it has a control character'],
  ['file:/var/backup/a\x9b.zip', 'it has a control character'],
  ['file:/var/backup/a\u2028.zip', 'it has a control character'],
  ['file:/var/backup/a\ud800.zip', 'it is not valid Unicode'],
  [' file:/var/backup/a.zip', 'it begins or ends with white space'],
  ['file:/var/backup/a.zip ', 'it begins or ends with white space'],
  ['\ufefffile:/var/backup/a.zip', 'it begins or ends with white space'],
  [`file:/${'n'.repeat(256)}`, 'a name in its path is longer than 255 bytes'],
  [`file:/${'%C3%BC'.repeat(128)}`, 'a name in its path is longer than 255 bytes'],
  [`file:${'/nnn'.repeat(1024)}`, 'its path is longer than 4095 bytes'],
  [`file:/${'n'.repeat(9000)}`, 'it is longer than 8192 bytes'],
  [
    'file:/var/.a.zip.01990000-0000-7000-8000-000000000000.3.part',
    'it has the name of an archive that is being written',
  ],

  ['http:', 'it must start with http:// and a host'],
  ['http:/host/a.zip', 'it must start with http:// and a host'],
  ['http:host/a.zip', 'it must start with http:// and a host'],
  ['https:/host/a.zip', 'it must start with https:// and a host'],
  ['http:///host/a.zip', 'it has no host'],
  ['http://:80/a.zip', 'it has no host'],
  ['http://?x', 'it has no host'],
  ['http://host', 'it has no path'],
  ['http://host?x=/a.zip', 'it has no path'],
  ['http://host/', 'its path ends in /'],
  ['http://host/a/', 'its path ends in /'],
  ['http://host/a/?x', 'its path ends in /'],
  ['http://user@host/a.zip', 'it has a user or password'],
  ['http://user:password@host/a.zip', 'it has a user or password'],
  ['http://allowed.example@evil.example/a.zip', 'it has a user or password'],
  ['http://@host/a.zip', 'it has a user or password'],
  ['http://ho%73t/a.zip', 'its host has a percent sequence'],
  ['http://[fe80::1%25eth0]/a.zip', 'its host has a percent sequence'],
  ['http://host/a.zip#x', 'it has a fragment'],
  ['http://host#@evil/a.zip', 'it has a fragment'],
  ['http://host\\@evil/a.zip', 'it has a backslash'],
  ['http://host/a\\b.zip', 'it has a backslash'],
  ['http://host/../a.zip', 'its path has a . or .. segment'],
  ['http://host/a/../b.zip', 'its path has a . or .. segment'],
  ['http://host/a/..;/b.zip', 'its path has a . or .. segment'],
  ['http://host/a/./b.zip', 'its path has a . or .. segment'],
  ['http://host/a//b.zip', 'its path has an empty segment'],
  ['http://host//evil.example/a.zip', 'its path has an empty segment'],
  ['http://host/a/%2e%2e/b.zip', 'it has an encoded dot'],
  ['http://host/a/.%2E/b.zip', 'it has an encoded dot'],
  ['http://host/a%2fb.zip', 'it has an encoded slash'],
  ['http://host/a%252fb.zip', 'it has an encoded slash'],
  ['http://host/a%5Cb.zip', 'it has an encoded backslash'],
  ['http://host/a%00.zip', 'it has an encoded zero byte'],
  ['http://host/a%c0%ae/b.zip', 'its percent sequences are not valid UTF-8'],
  ['http://host/a%.zip', 'a % is not followed by two hexadecimal digits'],
  ['http://host/a?x=%00', 'it has an encoded control character'],
  ['http://host/a?x=%0d%0aSet-Cookie:x', 'it has an encoded control character'],
  ['http://host/a?x=%', 'a % is not followed by two hexadecimal digits'],
  ['http://host/a b.zip', 'it has white space'],
  ['http://ho st/a.zip', 'it has white space'],
  ['http://host/a\u00a0b.zip', 'it has white space'],
  ['http://host/a\tb.zip', 'it has a control character'],
  ['ht\ntp://host/a.zip', 'it has a control character'],
  ['http://host:99999/a.zip', 'its host or port is not valid'],
  ['http://host:x/a.zip', 'its host or port is not valid'],
  ['http://ho<st/a.zip', 'its host or port is not valid'],
  ['http://[::1/a.zip', 'its host or port is not valid'],
  ['http://1.2.3.256/a.zip', 'its host or port is not valid'],
];

describe('refused, and the message says why', () => {
  test.each(refused)('%j: %s', (raw, reason) => {
    const error = thrownBy(() => parseDestination(raw));
    expect(error).toBeInstanceOf(DestinationInvalidError);
    expect((error as Error).message.startsWith(`destination is not valid: ${reason}`)).toBe(true);
  });

  test('whatever is written: refused, or a path that names what it says', () => {
    const piece = fc.constantFrom(
      'file:',
      '/',
      '.',
      '..',
      '%2e',
      '%2F',
      '%',
      'a',
      '\\',
      '//',
      'ü',
      '%00',
      '\n',
      ';',
      '#',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const error = thrownBy(() => {
          const parsed = parseDestination(`file:/${pieces.join('')}`);
          const names = 'path' in parsed ? parsed.path.split('/').slice(1) : [];
          expect(names.length).toBeGreaterThan(0);
          expect(names.filter((name) => ['', '.', '..'].includes(name))).toEqual([]);
        });
        expect(error === undefined || error instanceof DestinationInvalidError).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

function isPlainName(name: string): boolean {
  return (
    [name, name.normalize('NFKC')].every(
      (text) =>
        !/^\.\.?\s*(;|$)/.test(text) &&
        !/[/\\\p{Cc}\p{Zl}\p{Zp}]|%(25)*(2f|2e|5c|00)|^\.\.?(\s|%(25)*20)*%(25)*3b/iu.test(text),
    ) &&
    name.isWellFormed() &&
    Buffer.byteLength(name) <= 255
  );
}

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}
