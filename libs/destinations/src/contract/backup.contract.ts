import { randomBytes, randomUUID } from 'node:crypto';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import type { AttemptId } from '../destination.js';
import {
  expectBytes,
  expectCode,
  go,
  NEW,
  OLD,
  readAll,
  sealedBy,
  sha256,
  transferred,
  transferredBy,
  write,
  type PlaceUnderTest,
} from './place-under-test.contract.js';

/** What becomes of an archive from its draft to its name. */
export function backupContract(makePlace: () => Promise<PlaceUnderTest>): void {
  let place: PlaceUnderTest;
  let first: AttemptId;
  let second: AttemptId;

  beforeEach(async () => {
    place = await makePlace();
    const jobId = randomUUID();
    first = { jobId, fence: 1 };
    second = { jobId, fence: 12 };
  });
  afterEach(() => place.clear());

  describe('a backup', () => {
    test('is written, sealed, transferred, read back, given its name and read', async () => {
      const destination = place.destination();
      const draft = await destination.draft(first, go);
      await write(draft, NEW);
      const sealed = await draft.seal();
      expect(sealed).toEqual({ temp: draft.temp, bytes: NEW.length, sha256: sha256(NEW) });
      expect(await place.content()).toBeUndefined();
      await draft.transfer(go);
      expectBytes(await readAll(await draft.open(go)), NEW);
      if (!place.isOverwritten) expect(await place.content()).toBeUndefined();
      await destination.finish(sealed, first, go);
      expectBytes(await place.content(), NEW);
      expect(await place.temps()).toEqual([]);
      expectBytes(await readAll(await destination.open(go)), NEW);
    });

    test('may be empty', async () => {
      const destination = place.destination();
      const sealed = await transferredBy(destination, first, Buffer.alloc(0));
      await destination.finish(sealed, first, go);
      const source = await destination.open(go);
      expect(source.size).toBe(0);
      expectBytes(await readAll(source), Buffer.alloc(0));
    });

    test('leaves the old archive as it was until it is finished', async () => {
      await place.lay(OLD);
      const destination = place.destination();
      const draft = await destination.draft(first, go);
      expectBytes(await place.content(), OLD);
      await write(draft, NEW);
      expectBytes(await place.content(), OLD);
      const sealed = await draft.seal();
      expectBytes(await place.content(), OLD);
      expect([draft.destinationTouched, draft.isUnderWay]).toEqual([false, false]);
      await draft.transfer(go);
      expectBytes(await place.content(), place.isOverwritten ? NEW : OLD);
      expect(draft.destinationTouched).toBe(place.isOverwritten);
      await destination.finish(sealed, first, go);
      expectBytes(await place.content(), NEW);
    });

    test('is transferred once, however often it is asked, and tells how much of it', async () => {
      const draft = await place.destination().draft(first, go);
      await write(draft, NEW);
      let bytes = 0;
      await draft.transfer(go, (more) => (bytes += more));
      await draft.transfer(go);
      expect(bytes).toBe(place.isOverwritten ? NEW.length : 0);
      expectBytes(await readAll(await draft.open(go)), NEW);
    });

    test('seals once, however often it is asked', async () => {
      const draft = await place.destination().draft(first, go);
      await write(draft, NEW);
      expect(await Promise.all([draft.seal(), draft.seal()])).toEqual([await draft.seal(), await draft.seal()]);
    });

    test('seals an output that nobody has ended', async () => {
      const draft = await place.destination().draft(first, go);
      draft.output.write(OLD);
      expect(await draft.seal()).toMatchObject({ bytes: OLD.length, sha256: sha256(OLD) });
    });

    test('that is given up leaves nothing and the old archive', async () => {
      await place.lay(OLD);
      const draft = await place.destination().draft(first, go);
      draft.output.write(NEW);
      await draft.discard();
      await draft.discard();
      expect(await place.temps()).toEqual([]);
      expectBytes(await place.content(), OLD);
      await expect(draft.seal()).rejects.toThrow();
    });

    test('that is given up after sealing leaves nothing and cannot be finished', async () => {
      const destination = place.destination();
      const draft = await destination.draft(first, go);
      await write(draft, NEW);
      const sealed = await draft.seal();
      await draft.discard();
      expect(await place.temps()).toEqual([]);
      await expectCode(destination.finish(sealed, first, go), 'DELIVERY_LOST');
    });

    test('given up after it has its name stays', async () => {
      const destination = place.destination();
      const draft = await destination.draft(first, go);
      await write(draft, NEW);
      await destination.finish(await transferred(draft), first, go);
      await draft.discard();
      expectBytes(await place.content(), NEW);
    });

    test('two jobs at once: the last to finish stays, and it is whole', async () => {
      const [one, other] = [place.destination(), place.destination()];
      const rival = { jobId: randomUUID(), fence: 1 };
      const [mine, its] = await Promise.all([one.draft(first, go), other.draft(rival, go)]);
      await Promise.all([write(mine, NEW), write(its, OLD)]);
      await one.finish(await transferred(mine), first, go);
      await other.finish(await transferred(its), rival, go);
      expectBytes(await place.content(), OLD);
      await expectCode(one.finish(await mine.seal(), first, go), 'DELIVERY_LOST');
      expect(await place.temps()).toEqual([]);
    });
  });

  describe('finishing', () => {
    test('is done by any later attempt, of another process, and again and again', async () => {
      await place.lay(OLD);
      const sealed = await transferredBy(place.destination(), first, NEW);
      const other = place.destination();
      await other.finish(sealed, second, go);
      await other.finish(sealed, second, go);
      await place.destination().finish(sealed, first, go);
      expectBytes(await place.content(), NEW);
    });

    test('by several at the same time succeeds for each', async () => {
      const sealed = await transferredBy(place.destination(), first, NEW);
      const all = [1, 2, 3, 4].map((fence) => place.destination().finish(sealed, { ...first, fence }, go));
      expect(await Promise.all(all)).toHaveLength(4);
      expectBytes(await place.content(), NEW);
    });

    test('of a temp that has gone is lost, and the old archive stays', async () => {
      await place.lay(OLD);
      const destination = place.destination();
      const sealed = await sealedBy(destination, first, NEW);
      await place.remove(sealed.temp);
      await expectCode(destination.finish(sealed, first, go), 'DELIVERY_LOST');
      expectBytes(await place.content(), OLD);
    });

    test.each(['shorter', 'as long'])('of a temp spoilt to one that is %s is lost', async (kind) => {
      await place.lay(OLD);
      const destination = place.destination();
      const sealed = await sealedBy(destination, first, NEW);
      await place.spoil(sealed.temp, kind === 'shorter' ? NEW.subarray(1) : randomBytes(NEW.length));
      await expectCode(destination.finish(sealed, first, go), 'DELIVERY_LOST');
      await expectCode(place.destination().finish(sealed, first, go), 'DELIVERY_LOST');
      expectBytes(await place.content(), OLD);
    });

    test('takes no temp of another job, of a later attempt, or with a path', async () => {
      const destination = place.destination();
      const sealed = await sealedBy(destination, second, NEW);
      const stranger = { jobId: randomUUID(), fence: 99 };
      await expectCode(destination.finish(sealed, first, go), 'DELIVERY_LOST');
      await expectCode(destination.finish(sealed, stranger, go), 'DELIVERY_LOST');
      await expectCode(destination.finish({ ...sealed, temp: `../${sealed.temp}` }, second, go), 'DELIVERY_LOST');
      expect(await place.content()).toBeUndefined();
    });
  });
}
