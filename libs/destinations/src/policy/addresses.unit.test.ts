import { describe, expect, test } from '@jest/globals';

import { createAddressPolicy } from './addresses.js';
import { checkAddressInUrl, pinnedLookup } from './pinned-lookup.js';

const none = createAddressPolicy([]);
const some = createAddressPolicy(['10.1.0.0/16', '127.0.0.1', 'fd12::/16', '169.254.0.0/16', '0.0.0.0/0', '::/0']);

describe('an address', () => {
  test.each(['8.8.8.8', '1.1.1.1', '172.15.0.1', '172.32.0.1', '2606:4700::1111', '::ffff:8.8.8.8', '::ffff:808:808'])(
    '%s is public',
    (address) => expect(none.isAllowed(address)).toBe(true),
  );

  test.each([
    '10.0.0.1',
    '127.0.0.1',
    '127.9.9.9',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    '100.100.100.201',
    '198.18.0.1',
    '240.0.0.1',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:10.0.0.1',
    '::127.0.0.1',
    'fd12::1',
    'fc00::1',
    'fec0::1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '2001:0:4136:e378:8000:63bf:f5ff:fffd',
    '::ffff:0:7f00:1',
    '::ffff:1:2:3',
    '2001:db8::1',
    '::2',
  ])('%s needs to be allowed', (address) => {
    expect(none.isAllowed(address)).toBe(false);
    expect(some.isAllowed(address)).toBe(true);
  });

  test.each([
    '169.254.169.254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    'fe80::1',
    'febf::1',
    'fd00:ec2::254',
    '168.63.129.16',
    '100.100.100.200',
    '64:ff9b::a9fe:a9fe',
    '2001::1',
    '0.0.0.0',
    '::',
    '224.0.0.1',
    'ff02::1',
    '255.255.255.255',
    'fe80::1%eth0',
    'localhost',
    '',
  ])('%j is never one', (address) => expect(some.isAllowed(address)).toBe(false));

  test('is allowed by its own range alone', () => {
    const policy = createAddressPolicy(['10.1.0.0/16']);
    expect(policy.isAllowed('10.1.255.255')).toBe(true);
    expect(policy.isAllowed('::ffff:10.1.0.1')).toBe(true);
    expect(policy.isAllowed('10.2.0.0')).toBe(false);
  });

  test.each(['64:ff9b::a01:1', '2002:a01:1::1', '::ffff:0:10.1.0.1', '2001:0:4136:e378:8000:63bf:f5fe:fffe'])(
    '%s that leads to another one is allowed where both are',
    (address) => {
      const outer = ['64:ff9b::/96', '2001::/16', '2002::/16', '::ffff:0:0:0/96'];
      expect(createAddressPolicy(outer).isAllowed(address)).toBe(false);
      expect(createAddressPolicy(['10.1.0.0/16']).isAllowed(address)).toBe(false);
      expect(createAddressPolicy([...outer, '10.1.0.0/16']).isAllowed(address)).toBe(true);
    },
  );

  test.each(['10.0.0.0/33', '10.0.0/8', 'x', '::/129', '10.0.0.0/8/8', '10.0.0.0/', '10.0.0.0/-1'])(
    'a range %j stops the start',
    (entry) => expect(() => createAddressPolicy(['1.2.3.4', entry])).toThrow('TIDEMARK_HTTP_ALLOW_PRIVATE: entry 2'),
  );
});

test.each([
  ['http://127.0.0.1/a', false],
  ['http://2130706433/a', false],
  ['http://0x7f.1/a', false],
  ['http://[::1]/a', false],
  ['http://[::ffff:127.0.0.1]/a', false],
  ['http://169.254.169.254/a', false],
  ['http://8.8.8.8/a', true],
  ['http://name/a', true],
])('%s may be tried: %j', (url, allowed) => {
  const check = (): void => checkAddressInUrl(new URL(url), none);
  if (allowed) expect(check).not.toThrow();
  else expect(check).toThrow('TIDEMARK_HTTP_ALLOW_PRIVATE');
});

describe('a name', () => {
  const find = (lookup: ReturnType<typeof pinnedLookup>, all: boolean): Promise<unknown> =>
    new Promise((resolve, reject) => {
      lookup('name', { all }, (error, address) => (error ? reject(error) : resolve(address)));
    });

  test('is resolved once, and only to what is allowed', async () => {
    let asked = 0;
    const lookup = pinnedLookup(none, () => {
      asked++;
      const address = asked === 1 ? '8.8.8.8' : '127.0.0.1';
      return Promise.resolve([
        { address: '10.0.0.1', family: 4 },
        { address, family: 4 },
      ]);
    });
    expect(await find(lookup, true)).toEqual([{ address: '8.8.8.8', family: 4 }]);
    expect(await find(lookup, false)).toBe('8.8.8.8');
    expect(asked).toBe(1);
  });

  test('of which nothing is allowed leads nowhere', async () => {
    const lookup = pinnedLookup(none, () => Promise.resolve([{ address: '::ffff:a9fe:a9fe', family: 6 }]));
    await expect(find(lookup, true)).rejects.toMatchObject({ code: 'DESTINATION_NOT_ALLOWED' });
  });

  test('that could not be resolved is asked for again', async () => {
    let asked = 0;
    const lookup = pinnedLookup(none, () =>
      asked++ === 0 ? Promise.reject(new Error('EAI_AGAIN')) : Promise.resolve([{ address: '8.8.8.8', family: 4 }]),
    );
    await expect(find(lookup, true)).rejects.toThrow('EAI_AGAIN');
    expect(await find(lookup, false)).toBe('8.8.8.8');
  });
});
