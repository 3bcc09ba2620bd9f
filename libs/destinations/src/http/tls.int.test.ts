import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
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

/** Undefined where no openssl is there. */
function ownCertificate(): KeyAndCertificate | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-tls-'));
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = ['-subj', '/CN=tidemark test', '-addext', 'subjectAltName=IP:127.0.0.1'];
  try {
    execFileSync('openssl', ['req', ...kind, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const own = ownCertificate();
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
});
