import { createSecretKey, randomBytes, randomUUID } from 'node:crypto';

import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { SealedSecrets, SecretKeyChangedError } from './sealed-secrets.js';

const secrets = new SealedSecrets(createSecretKey(randomBytes(32)));
const jobId = randomUUID();

test('what was sealed is opened again, whatever it is', () => {
  const text = fc.option(fc.string({ unit: 'binary' }), { nil: undefined });
  fc.assert(
    fc.property(text, text, (bearer, destination) => {
      const sealed = secrets.seal(jobId, { bearer, destination });
      if (bearer === undefined && destination === undefined) expect(sealed).toBeUndefined();
      else expect(secrets.open(jobId, sealed!)).toEqual({ bearer, destination });
    }),
  );
});

test('equal secrets are sealed differently each time', () => {
  const sealed = Array.from({ length: 100 }, () => secrets.seal(jobId, { bearer: 'same' }));
  expect(new Set(sealed).size).toBe(100);
  expect(sealed.join()).not.toContain('same');
});

test('another key is told from the one in use, by ids that say nothing of either', () => {
  const other = new SealedSecrets(createSecretKey(randomBytes(32)));
  const sealed = other.seal(jobId, { bearer: 's3cret' })!;
  expect(() => secrets.open(jobId, sealed)).toThrow(SecretKeyChangedError);
  expect(() => secrets.open(jobId, sealed)).toThrow(
    /another TIDEMARK_SECRET_KEY \(its id is [0-9a-f]{8}, that of the key in use [0-9a-f]{8}\): send the request again$/,
  );
});

test('what was sealed for another job is not opened, nor what was changed in any bit', () => {
  const sealed = secrets.seal(jobId, { bearer: 's3cret' })!;
  expect(() => secrets.open(randomUUID(), sealed)).toThrow();
  const [keyId = '', text = ''] = sealed.split('.');
  const bytes = Buffer.from(text, 'base64url');
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    expect(() => secrets.open(jobId, `${keyId}.${changed.toString('base64url')}`)).toThrow();
  }
  for (let length = 0; length < bytes.length; length++) {
    expect(() => secrets.open(jobId, `${keyId}.${bytes.subarray(0, length).toString('base64url')}`)).toThrow();
  }
});
