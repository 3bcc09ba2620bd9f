import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { silentLogger, type Clock } from '@tidemark/platform';

import { GatewayClient } from '../clients/gateway-client.js';
import { AttemptCancelled, LeaseLost } from './attempt-ends.js';
import { Lease } from './lease.js';

const JOB = '0199aaaa-0000-7000-8000-000000000000';

let server: Server;
let gateway: GatewayClient;
/** What heartbeats are answered with, one after another, then the last again; undefined is no answer at all. */
let verdicts: (string | undefined)[];
let beats: number;
let millis: number;
const clock: Clock = { nowMicros: () => 0, monotonicMillis: () => millis };

beforeEach(async () => {
  verdicts = ['GO'];
  beats = 0;
  millis = 0;
  server = createServer((request, response) => {
    request.resume();
    beats++;
    server.emit('beat');
    const verdict = verdicts.length > 1 ? verdicts.shift() : verdicts[0];
    if (verdict === undefined) response.destroy();
    else response.end(JSON.stringify({ verdict }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  gateway = new GatewayClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { log: silentLogger });
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function startLease(leaseSeconds: number): Lease {
  const lease = new Lease(
    gateway,
    { jobId: JOB, fence: 1, leaseSeconds, claimedAtMillis: 0 },
    { log: silentLogger, clock },
  );
  lease.start();
  return lease;
}

describe('a lease', () => {
  test('is kept by heartbeats that are answered, through some that are not', async () => {
    verdicts = ['GO', undefined, 'GO', undefined, undefined, 'GO'];
    const lease = startLease(2);
    while (beats < 8) {
      await once(server, 'beat');
      millis += 400;
    }
    expect(lease.signal.aborted).toBe(false);
    await lease.stop();
  });

  test('that is lost ends the attempt', async () => {
    verdicts = ['GO', 'LOST'];
    const lease = startLease(0.2);
    await once(lease.signal, 'abort');
    expect(lease.signal.reason).toBeInstanceOf(LeaseLost);
    await lease.stop();
  });

  test('of a cancelled job asks the attempt to stop, and is kept while it cleans up', async () => {
    verdicts = ['CANCEL'];
    const lease = startLease(0.2);
    await once(lease.signal, 'abort');
    expect(lease.signal.reason).toBeInstanceOf(AttemptCancelled);
    const before = beats;
    while (beats < before + 2) await once(server, 'beat');
    await lease.stop();
  });

  test('runs out by itself when nobody answers for its time, counted from the sending of the last answered beat', async () => {
    verdicts = ['GO', undefined];
    const lease = startLease(0.2);
    while (beats < 2) await once(server, 'beat');
    expect(lease.signal.aborted).toBe(false);
    millis = 1000;
    await once(lease.signal, 'abort');
    expect(lease.signal.reason).toBeInstanceOf(LeaseLost);
    await lease.stop();
  });

  test('of a process that was frozen is over at its first turn, before any beat is sent', async () => {
    const lease = startLease(0.2);
    millis = 1000;
    await once(lease.signal, 'abort');
    expect(lease.signal.reason).toBeInstanceOf(LeaseLost);
    expect(beats).toBe(0);
    await lease.stop();
  });

  test('of a claim that was answered too late has not begun', async () => {
    millis = 1000;
    const lease = startLease(0.2);
    expect(lease.signal.reason).toBeInstanceOf(LeaseLost);
    await lease.stop();
    expect(beats).toBe(0);
  });
});
