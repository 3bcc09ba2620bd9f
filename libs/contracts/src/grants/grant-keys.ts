import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

import { z } from 'zod';

/** The two halves of an Ed25519 key as settings carry them: DER in base64. */
export interface GrantKeys {
  /** Of the gateway, which signs. */
  readonly privateKey: string;
  /** Of the index-service, which only checks. */
  readonly publicKey: string;
}

export function newGrantKeys(): GrantKeys {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { format: 'der', type: 'pkcs8' },
    publicKeyEncoding: { format: 'der', type: 'spki' },
  });
  return { privateKey: privateKey.toString('base64'), publicKey: publicKey.toString('base64') };
}

/** Settings that hold one half; which one is wanted is told, the value never. */
export const grantPrivateKey = keySetting('the private half of an Ed25519 key', (key) =>
  createPrivateKey({ key, format: 'der', type: 'pkcs8' }),
);
export const grantPublicKey = keySetting('the public half of an Ed25519 key', (key) =>
  createPublicKey({ key, format: 'der', type: 'spki' }),
);

function keySetting(wanted: string, read: (der: Buffer) => KeyObject): z.ZodType<KeyObject> {
  const message = `must be ${wanted} (base64 of DER); \`npm run make-env\` makes a pair`;
  return z.string(`${wanted} is wanted; \`npm run make-env\` makes a pair`).transform((text, context) => {
    try {
      const key = read(Buffer.from(text, 'base64'));
      if (key.asymmetricKeyType === 'ed25519') return key;
    } catch {
      // told below, without the value
    }
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}
