import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { fenceOfTemp, isTempFor, looksLikeTempName, tempName } from './temp-name.js';

const jobId = '01990000-0000-7000-8000-000000000000';

describe('the name of a temp', () => {
  test('shows the archive, the job and the fence', () => {
    expect(tempName('a.zip', { jobId, fence: 3 })).toBe(`.a.zip.${jobId}.3.part`);
  });

  test('of a long name is cut at a character and told apart by a hash', () => {
    const long = 'ü'.repeat(125);
    const temp = tempName(`${long}a.zip`, { jobId, fence: 1 });
    expect(temp).toMatch(/^\.ü{80,}~[0-9a-f]{16}\.01990000-/);
    expect(temp).not.toBe(tempName(`${long}b.zip`, { jobId, fence: 1 }));
  });

  test('fits every file system, is a temp by its look, and tells its fence to nobody but its own', () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 255 })
      .map(cut)
      .filter((text) => text !== '');
    const fence = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(name, fc.uuid(), fence, (archive, job, number) => {
        const temp = tempName(archive, { jobId: job, fence: number });
        expect(Buffer.byteLength(temp)).toBeLessThanOrEqual(255);
        expect(looksLikeTempName(temp)).toBe(true);
        expect(isTempFor(temp, archive)).toBe(true);
        expect(fenceOfTemp(temp, archive, job)).toBe(number);
        expect(fenceOfTemp(temp, `${archive}x`, job)).toBeUndefined();
        expect(fenceOfTemp(temp, archive, jobId)).toBeUndefined();
      }),
    );
  });

  test.each(['.a.zip.old.1.part', '.a.zip.1.part', `.a.zip.${jobId}.part`])(
    '%s may be an archive, so it is no temp of any job',
    (name) => {
      expect(looksLikeTempName(name)).toBe(false);
      expect(isTempFor(name, 'a.zip')).toBe(false);
    },
  );

  test.each(['', '0', '-1', '01', '1.5', ' 1', '1 ', '12345678901234567', 'x'])('%j is no fence', (fence) => {
    expect(fenceOfTemp(`.a.zip.${jobId}.${fence}.part`, 'a.zip', jobId)).toBeUndefined();
  });

  test.each(['', '../x', 'a/b', 'a.b', 'x'.repeat(37)])('%j is no job id', (bad) => {
    expect(() => tempName('a.zip', { jobId: bad, fence: 1 })).toThrow(RangeError);
  });
});

/** At most 255 bytes of whole characters. */
function cut(text: string): string {
  const plain = text.replaceAll(/[/\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/gu, '_');
  return plain.slice(0, new TextEncoder().encodeInto(plain, new Uint8Array(255)).read);
}
