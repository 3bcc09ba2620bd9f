import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Paths of PEM files. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** An authority of a test's own, which issues certificates for servers. It needs openssl. */
export class TestAuthority {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tidemark-authority-'));
  readonly #own = this.#files('authority');

  private constructor() {
    openssl('req', '-x509', ...KEY, '-days', '2', '-subj', '/CN=an authority', ...output(this.#own));
  }

  /** Undefined where there is no openssl. */
  static make(): TestAuthority | undefined {
    try {
      openssl('version');
    } catch {
      return undefined;
    }
    return new TestAuthority();
  }

  /** The certificate that whoever trusts it must know: a path of a PEM file. */
  get cert(): string {
    return this.#own.cert;
  }

  /** For a name such as `IP:127.0.0.1` or `DNS:example.org`. */
  issue(name: string): CertificateFiles {
    const files = this.#files(name.replace(':', '-'));
    const [request, extensions] = [`${files.key}.request`, `${files.key}.extensions`];
    openssl('req', '-new', ...KEY, '-subj', '/CN=a server', ...output({ key: files.key, cert: request }));
    writeFileSync(extensions, `subjectAltName=${name}\n`);
    const by = ['-CA', this.#own.cert, '-CAkey', this.#own.key, '-CAcreateserial'];
    openssl('x509', '-req', '-in', request, ...by, '-days', '2', '-extfile', extensions, '-out', files.cert);
    return files;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }

  #files(name: string): CertificateFiles {
    return { cert: join(this.#folder, `${name}.cert`), key: join(this.#folder, `${name}.key`) };
  }
}

function output({ cert, key }: CertificateFiles): string[] {
  return ['-keyout', key, '-out', cert];
}

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
