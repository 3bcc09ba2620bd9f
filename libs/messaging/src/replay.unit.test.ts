import { expect, test } from '@jest/globals';

import type { StoredMessage } from './broker-connection.js';
import { decode } from './codec.js';
import { wayBack } from './replay.js';

const message = (fields: Partial<StoredMessage>): StoredMessage => ({
  key: 'backup',
  body: Buffer.from('{}'),
  contentType: undefined,
  messageId: undefined,
  correlationId: undefined,
  replyTo: undefined,
  headers: {},
  ...fields,
});

test.each(['constructor', 'toString', '__proto__', ''])(
  'a letter that says %j of its body has an obstacle in words',
  (kept) => {
    const headers = Object.fromEntries([
      ['x-tidemark-queue', 'tidemark.jobs.backup'],
      ['x-tidemark-kept', kept],
    ]);
    expect(wayBack(message({ headers }))).toEqual({
      route: 'backupDoorbell',
      obstacle: 'it does not say whether its body is whole',
    });
  },
);

test('a message with names of the prototype is what its schema knows of it, and changes no other object', () => {
  const jobId = '01890a5d-ac96-774b-bcce-b302099a8057';
  const body = Buffer.from(`{"__proto__":{"fence":9},"constructor":{"prototype":{"fence":9}},"jobId":"${jobId}"}`);
  const decoded = decode(['backupDoorbell'], message({ body }));
  expect(decoded).toEqual({ message: { route: 'backupDoorbell', body: { jobId } } });
  expect(Object.getPrototypeOf('message' in decoded && decoded.message.body)).toBe(Object.prototype);
  expect({}).not.toHaveProperty('fence');
});
