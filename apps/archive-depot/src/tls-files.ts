import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';

import type { TlsIdentity } from '@tidemark/nest';
import { ConfigError, errnoOf } from '@tidemark/platform';

import type { ArchiveDepotSettings } from './config.js';

const CERT = 'TIDEMARK_TLS_CERT';
const KEY = 'TIDEMARK_TLS_KEY';

/**
 * What the two settings name; undefined where none is set. Throws ConfigError for one without the other and for files
 * that cannot be served with. Shows no value: it may be the key itself.
 */
export async function readTlsFiles(settings: ArchiveDepotSettings): Promise<TlsIdentity | undefined> {
  const { [CERT]: certFile, [KEY]: keyFile } = settings;
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined) throw new ConfigError(`${CERT} is not set: the certificate of ${KEY} is wanted`);
  if (keyFile === undefined) throw new ConfigError(`${KEY} is not set: the key of ${CERT} is wanted`);
  const cert = await read(certFile, CERT);
  const key = await read(keyFile, KEY);
  const isPair = certificateOf(cert).checkPrivateKey(privateKeyOf(key));
  if (!isPair) throw new ConfigError(`${KEY}: must be the key of the certificate in ${CERT}`);
  orConfigError(() => createSecureContext({ cert, key }), `${CERT}: cannot be served with`);
  return { cert, key };
}

async function read(file: string, setting: string): Promise<string> {
  return await readFile(file, 'utf8').catch((error: unknown) => {
    throw new ConfigError(`${setting}: must be the path of a file that can be read (${errnoOf(error) ?? 'no path'})`);
  });
}

function certificateOf(pem: string): X509Certificate {
  return orConfigError(() => new X509Certificate(pem), `${CERT}: must be a certificate in PEM form`);
}

function privateKeyOf(pem: string): KeyObject {
  return orConfigError(() => createPrivateKey(pem), `${KEY}: must be a private key in PEM form, without a passphrase`);
}

function orConfigError<T>(work: () => T, message: string): T {
  try {
    return work();
  } catch (error) {
    throw new ConfigError(`${message} (${errnoOf(error) ?? 'unknown error'})`);
  }
}
