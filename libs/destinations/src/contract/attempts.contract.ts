import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import type { AttemptId } from '../destination.js';
import {
  copied,
  expectBytes,
  expectCode,
  go,
  NEW,
  OLD,
  sealedBy,
  transferred,
  write,
  type PlaceUnderTest,
} from './place-under-test.contract.js';

/** Who may still do something, and what an abort leaves. */
export function attemptsContract(makePlace: () => Promise<PlaceUnderTest>): void {
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

  describe('attempts of one job', () => {
    test('a later one removes the temp of the earlier one, which can then neither seal nor finish', async () => {
      await place.lay(OLD);
      const old = await place.destination().draft(first, go);
      old.output.write(NEW);
      const young = place.destination();
      const draft = await young.draft(second, go);
      expect(await place.temps()).toEqual([draft.temp]);
      await expectCode(old.seal(), 'DELIVERY_LOST');
      await write(draft, NEW);
      await young.finish(await transferred(draft), second, go);
      expectBytes(await place.content(), NEW);
    });

    test('a sealed temp is removed as well', async () => {
      const destination = place.destination();
      const old = await destination.draft(first, go);
      await write(old, OLD);
      const sealed = await old.seal();
      await place.destination().draft(second, go);
      await expectCode(old.open(go), 'DELIVERY_LOST');
      await expectCode(destination.finish(sealed, first, go), 'DELIVERY_LOST');
    });

    test('an earlier one that wakes up cannot begin', async () => {
      const draft = await place.destination().draft(second, go);
      await expectCode(place.destination().draft(first, go), 'DELIVERY_LOST');
      await expectCode(place.destination().draft(second, go), 'DELIVERY_LOST');
      expect(await place.temps()).toEqual([draft.temp]);
    });

    test('leave the temps of other jobs alone', async () => {
      const rival = await place.destination().draft({ jobId: randomUUID(), fence: 1 }, go);
      const draft = await place.destination().draft(second, go);
      await place.destination().sweep(second, go);
      expect(await place.temps()).toEqual([rival.temp]);
      expect(draft.temp).not.toBe(rival.temp);
    });

    test('a sweep removes the temps up to its fence and can be repeated', async () => {
      await sealedBy(place.destination(), first, NEW);
      await place.destination().sweep({ ...first, fence: 11 }, go);
      expect(await place.temps()).toEqual([]);
      const { temp } = await sealedBy(place.destination(), second, NEW);
      await place.destination().sweep({ ...second, fence: 11 }, go);
      expect(await place.temps()).toEqual([temp]);
      await place.destination().sweep(second, go);
      await place.destination().sweep(second, go);
      expect(await place.temps()).toEqual([]);
    });
  });

  describe('an abort', () => {
    const reason = new Error('the lease is lost');

    test('in the middle of writing fails the output with its reason and leaves the old archive', async () => {
      await place.lay(OLD);
      const abort = new AbortController();
      const draft = await place.destination().draft(first, abort.signal);
      const source = Readable.from(
        (function* () {
          yield NEW;
          abort.abort(reason);
          yield NEW;
        })(),
      );
      await expect(pipeline(source, draft.output)).rejects.toBe(reason);
      await expect(draft.seal()).rejects.toBe(reason);
      await draft.discard();
      expect(await place.temps()).toEqual([]);
      expectBytes(await place.content(), OLD);
    });

    test('before sealing fails the seal with its reason', async () => {
      const abort = new AbortController();
      const draft = await place.destination().draft(first, abort.signal);
      abort.abort(reason);
      await expect(draft.seal()).rejects.toBe(reason);
      await draft.discard();
      expect(await place.temps()).toEqual([]);
    });

    test('stops every call that has not begun', async () => {
      await place.lay(OLD);
      const aborted = AbortSignal.abort(reason);
      const destination = place.destination();
      const draft = await destination.draft(first, go);
      await write(draft, NEW);
      const sealed = await draft.seal();
      await expect(destination.draft(second, aborted)).rejects.toBe(reason);
      await expect(draft.transfer(aborted)).rejects.toBe(reason);
      await expect(draft.open(aborted)).rejects.toBe(reason);
      expect(draft.destinationTouched).toBe(false);
      await expect(destination.open(aborted)).rejects.toBe(reason);
      await expect(destination.sweep(first, aborted)).rejects.toBe(reason);
      await expect(destination.finish(sealed, first, aborted)).rejects.toBe(reason);
      expectBytes(await place.content(), OLD);
      expect(await place.temps()).toEqual([sealed.temp]);
    });

    test('ends a read with its reason', async () => {
      await place.lay(NEW);
      const abort = new AbortController();
      const source = await place.destination().open(go);
      abort.abort(reason);
      await expect(buffer(source.stream(0, NEW.length, abort.signal))).rejects.toBe(reason);
      if (source.lend) await expect(copied(source.lend(0, NEW.length, abort.signal))).rejects.toBe(reason);
      await source.close();
    });
  });
}
