import { createCipheriv, createDecipheriv, createHmac, randomBytes, type KeyObject } from 'node:crypto';

import { z } from 'zod';

import { TidemarkError } from '@tidemark/contracts';

/** What of a request is shown to nobody but the destination. */
const secretsSchema = z.object({
  bearer: z.string().optional(),
  /** Whole, where its query has values. */
  destination: z.string().optional(),
});
export type Secrets = z.infer<typeof secretsSchema>;

/** The key is not the one that the secrets of a job were sealed with. */
export class SecretKeyChangedError extends TidemarkError {
  readonly code = 'SECRET_KEY_CHANGED';
  constructor(sealedWith: string, now: string) {
    super(
      `the secrets of this job were sealed with another TIDEMARK_SECRET_KEY (its id is ${sealedWith}, that of the key ` +
        `in use ${now}): send the request again`,
      { details: { sealedWith, now } },
    );
  }
}

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Seals the secrets of requests for the table of jobs: AES-256-GCM, bound to the id of their job. */
export class SealedSecrets {
  /** Tells keys apart and nothing about them. */
  readonly #keyId: string;

  constructor(private readonly key: KeyObject) {
    this.#keyId = createHmac('sha256', key).update('tidemark key id').digest('hex').slice(0, 8);
  }

  /** `<key id>.<nonce, cipher text and tag in base64url>`; undefined where there is nothing to seal. */
  seal(jobId: string, { bearer, destination }: Secrets): string | undefined {
    if (bearer === undefined && destination === undefined) return undefined;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(jobId));
    const text = Buffer.concat([cipher.update(JSON.stringify({ bearer, destination })), cipher.final()]);
    return `${this.#keyId}.${Buffer.concat([nonce, text, cipher.getAuthTag()]).toString('base64url')}`;
  }

  /** Throws SECRET_KEY_CHANGED; what was sealed for another job, or is no longer what it was, is a defect. */
  open(jobId: string, sealed: string): Secrets {
    const [keyId = '', rest = ''] = sealed.split('.');
    if (keyId !== this.#keyId) throw new SecretKeyChangedError(keyId, this.#keyId);
    const bytes = Buffer.from(rest, 'base64url');
    const decipher = createDecipheriv(ALGORITHM, this.key, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(jobId)).setAuthTag(bytes.subarray(-TAG_BYTES));
    const text = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    return secretsSchema.parse(JSON.parse(text.toString()));
  }
}
