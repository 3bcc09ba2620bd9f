import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';

import { describe, expect, test } from '@jest/globals';

import { expectBytes, expectCode, go, readAll } from '../contract/place-under-test.contract.js';
import { httpUnderTest, QUICK } from './http-under-test.contract.js';
import { ancestor, plain, rfc } from './servers/behaviours.contract.js';
import { answer, getRange, type Behaviour, type TestServer } from './servers/test-server.contract.js';

const ARCHIVE = randomBytes(1_500_000);
const http = httpUnderTest();

async function serve(behaviour: (server: TestServer) => Behaviour, content = ARCHIVE): Promise<TestServer> {
  const server = await http.serve(behaviour);
  server.content = content;
  return server;
}

/** Sends the head of the right answer and then breaks the connection after so many bytes of its body. */
const brokenAfter =
  (bytes: number): Behaviour =>
  (request, response) => {
    const range = getRange(request);
    if (range === undefined) return false;
    const last = Math.min(range.end, ARCHIVE.length - 1);
    const headers = { 'content-range': `bytes ${range.start}-${last}/${ARCHIVE.length}` };
    response.writeHead(206, { ...headers, 'content-length': last + 1 - range.start });
    response.write(ARCHIVE.subarray(range.start, range.start + bytes), () => response.destroy());
    return true;
  };

describe('an archive on a server that knows ranges', () => {
  test('is read by closed ranges, and no byte twice', async () => {
    const server = await serve(rfc);
    const source = await http.destination().open(go);
    expectBytes(await buffer(source.stream(1, 1_000_000)), ARCHIVE.subarray(1, 1_000_001));
    const ranges = server.requests('GET').map(({ headers }) => headers.range);
    expect(ranges).toEqual([
      'bytes=0-1',
      'bytes=1-300000',
      'bytes=300001-600000',
      'bytes=600001-900000',
      'bytes=900001-1000000',
    ]);
    const conditions = server.requests('GET').map(({ headers }) => headers['if-range']);
    expect(conditions).toEqual([undefined, ...ranges.slice(1).map(() => server.etag)]);
  });

  test('is read on from the byte where the connection broke', async () => {
    const server = await serve(rfc);
    const source = await http.destination().open(go);
    server.script('GET', brokenAfter(100_000), brokenAfter(1));
    expectBytes(await buffer(source.stream(0, 250_000)), ARCHIVE.subarray(0, 250_000));
    expect(server.requests('GET').map(({ headers }) => headers.range)).toEqual([
      'bytes=0-1',
      'bytes=0-249999',
      'bytes=100000-249999',
      'bytes=100001-249999',
    ]);
  });

  test('is read through a connection that breaks again and again, as long as bytes come', async () => {
    const server = await serve(rfc);
    const source = await http.destination().open(go);
    server.scripted.push(brokenAfter(70_000));
    expectBytes(await readAll(source), ARCHIVE);
    expect(server.requests('GET').length).toBeGreaterThan(20);
  });

  test('is given up where nothing comes', async () => {
    const server = await serve(rfc);
    const source = await http.destination().open(go);
    server.scripted.push(brokenAfter(0));
    await expectCode(readAll(source), 'DESTINATION_UNREACHABLE');
    expect(server.requests('GET')).toHaveLength(1 + 4);
  });

  test.each([
    ['the whole in place of a range', (): Behaviour => (_, response) => send(response, 200, ARCHIVE)],
    [
      'another range than was asked for',
      (): Behaviour => (_, response) => {
        const headers = { 'content-range': `bytes 7-99/${ARCHIVE.length}` };
        return send(response, 206, ARCHIVE.subarray(7, 100), headers);
      },
    ],
    ['a range that does not say which', (): Behaviour => (_, response) => send(response, 206, ARCHIVE.subarray(0, 9))],
  ])('%s is asked for again, and then a code of its own', async (_, wrong) => {
    const server = await serve(rfc);
    const source = await http.destination().open(go);
    server.script('GET', wrong(), wrong());
    expectBytes(await buffer(source.stream(0, 1000)), ARCHIVE.subarray(0, 1000));
    server.scripted.push(wrong());
    await expectCode(buffer(source.stream(0, 1000)), 'DESTINATION_IGNORES_RANGES');
  });

  test.each([
    ['another ETag', (server: TestServer) => (server.content = randomBytes(ARCHIVE.length))],
    ['another length', (server: TestServer) => (server.content = ARCHIVE.subarray(1))],
    ['nothing', (server: TestServer) => (server.content = undefined)],
  ])('is changed when it is there with %s between two reads', async (_, change) => {
    const server = await serve(rfc);
    const source = await http.destination().open(go);
    await buffer(source.stream(0, 10));
    change(server);
    await expectCode(buffer(source.stream(10, 10)), 'ARCHIVE_CHANGED');
  });

  test('is changed when only its time tells', async () => {
    const server = await serve(rfc);
    const withoutEtag: Behaviour = (_, response) => {
      const set = response.writeHead.bind(response);
      response.writeHead = ((status: number, headers: Record<string, unknown>) =>
        set(status, { ...headers, etag: [] } as never)) as never;
      return false;
    };
    server.scripted.push(withoutEtag);
    const source = await http.destination().open(go);
    await buffer(source.stream(0, 10));
    server.lastModified = 'Mon, 23 Nov 2026 08:00:00 GMT';
    await expectCode(buffer(source.stream(10, 10)), 'ARCHIVE_CHANGED');
  });

  test('a slow drip is ended, a slow reader is not', async () => {
    const server = await serve(rfc);
    const limits = { ...QUICK, patience: { connectMillis: 2_000, silenceMillis: 1_500, requestMillis: 2_000 } };
    const source = await http.destination({ limits }).open(go);
    let read = 0;
    for await (const chunk of source.stream(0, 900_000)) {
      if (read === 0) await new Promise((resolve) => setTimeout(resolve, 3_000));
      read += (chunk as Buffer).length;
    }
    expect(read).toBe(900_000);
    expect(server.requests('GET')).toHaveLength(1 + 3);
    const retries = { attempts: 1, firstDelayMillis: 1, maxDelayMillis: 1, maxRetryAfterMillis: 1 };
    const dripping = await http.destination({ limits: { ...limits, retries } }).open(go);
    server.scripted.push((request, response) => {
      const { start, end } = getRange(request) ?? { start: 0, end: 99 };
      const headers = { 'content-range': `bytes ${start}-${end}/${ARCHIVE.length}`, 'content-length': end + 1 - start };
      response.writeHead(206, headers);
      const drip = setInterval(() => response.write('x'), 50);
      response.once('close', () => clearInterval(drip));
      return true;
    });
    await expectCode(buffer(dripping.stream(0, 100)), 'DESTINATION_TIMEOUT');
  });
});

describe('an archive on another server', () => {
  test('that is the ancestor’s file service is read to the byte, whose ends are exclusive', async () => {
    const server = await serve(ancestor);
    const source = await http.destination().open(go);
    expect(source.size).toBe(ARCHIVE.length);
    expectBytes(await buffer(source.stream(0, source.size)), ARCHIVE);
    expectBytes(await buffer(source.stream(5, 1)), ARCHIVE.subarray(5, 6));
    expectBytes(await buffer(source.stream(ARCHIVE.length - 1, 1)), ARCHIVE.subarray(-1));
    const asked = server.requests('GET').map(({ headers }) => headers.range);
    expect(asked).toEqual([
      'bytes=0-1',
      'bytes=0-300000',
      'bytes=300000-600000',
      'bytes=600000-900000',
      'bytes=900000-1200000',
      'bytes=1200000-1500000',
      'bytes=5-6',
      'bytes=1499999-1500000',
    ]);
  });

  test('whose first answer was in another dialect is read to the byte', async () => {
    const server = await serve(ancestor);
    const headers = { 'content-range': `bytes 0-1/${ARCHIVE.length}` };
    server.script('GET', (_, response) => send(response, 206, ARCHIVE.subarray(0, 2), headers));
    expectBytes(await readAll(await http.destination().open(go)), ARCHIVE);
  });

  test('without ranges is fetched once and leaves nothing in the spool', async () => {
    const server = await serve(plain);
    const source = await http.destination().open(go);
    server.content = undefined;
    expectBytes(await buffer(source.stream(100, 1000)), ARCHIVE.subarray(100, 1100));
    expectBytes(await readAll(source), ARCHIVE);
    expect(server.requests('GET')).toHaveLength(1);
    expect(await http.spooled()).toEqual([]);
  });

  test('without ranges is fetched anew where its connection broke', async () => {
    const server = await serve(plain);
    server.script('GET', (_, response) => {
      response.writeHead(200, { 'content-length': ARCHIVE.length });
      response.write(ARCHIVE.subarray(0, 500_000), () => response.destroy());
      return true;
    });
    const copied: number[] = [];
    const source = await http.destination().open(go, (bytes, total) => {
      expect(total).toBe(ARCHIVE.length);
      copied.push(bytes);
    });
    expectBytes(await readAll(source), ARCHIVE);
    const begins = copied.flatMap((bytes, place) => (bytes === 0 ? [place] : []));
    expect(begins).toHaveLength(2);
    expect(copied.at(-1)).toBe(ARCHIVE.length);
    expect(copied.slice(begins[1])).toEqual(copied.slice(begins[1]).sort((a, b) => a - b));
  });

  test.each([true, false])('without ranges and larger than is copied is refused; length told: %j', async (told) => {
    await serve(() => (_, response) => {
      response.writeHead(200, told ? { 'content-length': ARCHIVE.length } : {}).end(ARCHIVE);
      return true;
    });
    const destination = http.destination({ limits: { ...QUICK, copyBytes: 1_000_000 } });
    await expectCode(destination.open(go), 'DESTINATION_IGNORES_RANGES');
    expect(await http.spooled()).toEqual([]);
  });

  test.each([
    [404, 'ARCHIVE_NOT_FOUND', 1],
    [410, 'ARCHIVE_NOT_FOUND', 1],
    [401, 'DESTINATION_REFUSED', 1],
    [403, 'DESTINATION_REFUSED', 1],
    [301, 'DESTINATION_REFUSED', 1],
    [416, 'DESTINATION_REFUSED', 1],
    [503, 'DESTINATION_UNREACHABLE', 4],
    [504, 'DESTINATION_TIMEOUT', 4],
  ] as const)('that answers %d is %s', async (status, code, times) => {
    const server = await http.serve(() => answer(status, { location: 'http://127.0.0.1:1/elsewhere' }));
    const error: unknown = await http
      .destination()
      .open(go)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, ...(status === 404 || status === 410 ? {} : { details: { status } }) });
    expect(JSON.stringify(error) + String(error)).not.toMatch(/secret|the-bearer/);
    expect(server.seen).toHaveLength(times);
  });

  test('that sends it encoded is refused', async () => {
    await serve(() => (_, response) => send(response, 200, ARCHIVE, { 'content-encoding': 'gzip' }));
    await expectCode(http.destination().open(go), 'DESTINATION_REFUSED');
  });
});

function send(
  response: Parameters<Behaviour>[1],
  status: number,
  body: Buffer,
  headers: Record<string, string> = {},
): true {
  response.writeHead(status, { 'content-length': body.length, ...headers }).end(body);
  return true;
}
