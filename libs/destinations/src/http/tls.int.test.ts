import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';

import { afterEach, describe, expect, test } from '@jest/globals';

import { expectBytes, expectCode, go, readAll, write } from '../contract/place-under-test.contract.js';
import { httpUnderTest } from './http-under-test.contract.js';
import { rfc } from './servers/behaviours.contract.js';
import type { KeyAndCertificate } from './servers/test-server.contract.js';

const ARCHIVE = randomBytes(500_000);
const http = httpUnderTest();
const trusted = tls.getCACertificates('default');

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Undefined where no openssl is there. It ended long ago where it is `expired`. */
function ownCertificate(name: string, validity: 'valid' | 'expired' = 'valid'): KeyAndCertificate | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-tls-'));
  const run = (...args: string[]): unknown => execFileSync('openssl', args, { stdio: 'ignore', cwd: folder });
  const names = ['-subj', '/CN=tidemark test', '-addext', `subjectAltName=${name}`];
  try {
    if (validity === 'valid') run('req', '-x509', ...KEY, '-days', '2', ...names, '-keyout', 'key', '-out', 'cert');
    else {
      run('req', ...KEY, ...names, '-keyout', 'key', '-out', 'request');
      writeFileSync(join(folder, 'settings'), SELF_SIGNING);
      writeFileSync(join(folder, 'serial'), '01');
      for (const file of ['index', 'index.attr']) writeFileSync(join(folder, file), '');
      const when = ['-startdate', '20200101000000Z', '-enddate', '20200102000000Z'];
      const own = ['-selfsign', '-keyfile', 'key', '-in', 'request', '-out', 'cert'];
      run('ca', '-config', 'settings', '-batch', '-notext', ...when, ...own);
    }
    return { key: readFileSync(join(folder, 'key'), 'utf8'), cert: readFileSync(join(folder, 'cert'), 'utf8') };
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const SELF_SIGNING = `
[ca]
default_ca = own
[own]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
`;

const own = ownCertificate('IP:127.0.0.1');
const whereItIs = own ? describe : describe.skip;

whereItIs('over https', () => {
  afterEach(() => tls.setDefaultCACertificates(trusted));
  const certificate = own ?? { key: '', cert: '' };

  test('an archive goes there and back where its authority is trusted', async () => {
    tls.setDefaultCACertificates([...trusted, certificate.cert]);
    const server = await http.serveTls(certificate, rfc);
    const draft = await http.destination().draft({ jobId: randomUUID(), fence: 1 }, go);
    await write(draft, ARCHIVE);
    await draft.transfer(go);
    expectBytes(await readAll(await draft.open(go)), ARCHIVE);
    expectBytes(server.content, ARCHIVE);
  });

  test('a certificate of nobody is refused at once, before a byte is sent', async () => {
    const server = await http.serveTls(certificate, rfc);
    const draft = await http.destination().draft({ jobId: randomUUID(), fence: 1 }, go);
    await write(draft, ARCHIVE);
    await expect(draft.transfer(go)).rejects.toMatchObject({
      code: 'DESTINATION_REFUSED',
      details: { errno: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    });
    expect(draft.destinationTouched).toBe(false);
    expect(server.seen).toEqual([]);
    await expectCode(http.destination().open(go), 'DESTINATION_REFUSED');
  });

  test.each([
    ['for another name', ownCertificate('DNS:elsewhere.example'), 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['for another address', ownCertificate('IP:127.0.0.2'), 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['that has expired', ownCertificate('IP:127.0.0.1', 'expired'), 'CERT_HAS_EXPIRED'],
  ])('a certificate %s is refused although its authority is trusted', async (_what, wrong, errno) => {
    if (!wrong) throw new Error('openssl made no certificate');
    tls.setDefaultCACertificates([...trusted, wrong.cert]);
    const server = await http.serveTls(wrong, rfc);
    const draft = await http.destination().draft({ jobId: randomUUID(), fence: 1 }, go);
    await write(draft, ARCHIVE);
    const refused = { code: 'DESTINATION_REFUSED', details: { errno } };
    await expect(draft.transfer(go)).rejects.toMatchObject(refused);
    await expect(http.destination().open(go)).rejects.toMatchObject(refused);
    expect(server.seen).toEqual([]);
  });
});
