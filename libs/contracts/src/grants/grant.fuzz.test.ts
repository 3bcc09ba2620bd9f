import { createPrivateKey, createPublicKey } from 'node:crypto';

import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { editedBytes, fuzz, outcomeOf, textOf } from '@tidemark/testing';

import { newGrantKeys } from './grant-keys.js';
import { openGrant, signGrant, type Grant } from './grant.js';

const keys = newGrantKeys();
const own = createPrivateKey({ key: Buffer.from(keys.privateKey, 'base64'), format: 'der', type: 'pkcs8' });
const known = createPublicKey({ key: Buffer.from(keys.publicKey, 'base64'), format: 'der', type: 'spki' });
const grant: Grant = { to: 'GATEWAY', expiresAtMicros: 10 };
const good = signGrant(grant, own);
/** Base64 of one and the same bytes can be written in several ways. */
const bytesOf = (token: string): string =>
  token
    .split('.')
    .slice(0, 2)
    .map((part) => Buffer.from(part, 'base64url').toString('hex'))
    .join('.');

test('only what was signed is a grant', async () => {
  const tokens = fc.oneof(
    editedBytes([Buffer.from(good)]).map(String),
    textOf(['.', 'e30', good, good.split('.')[0]!]),
  );
  await fuzz('grant', tokens, async (token) => {
    const outcome = await outcomeOf(() => openGrant(token, known, 5));
    if ('code' in outcome) expect(outcome.code).toBe('FORBIDDEN');
    else expect([bytesOf(token), outcome.value]).toEqual([bytesOf(good), grant]);
    return outcome;
  });
});
