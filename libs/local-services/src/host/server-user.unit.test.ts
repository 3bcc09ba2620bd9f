import { describe, expect, test } from '@jest/globals';

import { parsePasswd } from './server-user.js';

describe('parsePasswd', () => {
  test('reads names and ids; root, comments and broken lines are left out', () => {
    const text = [
      'root:x:0:0:root:/root:/bin/bash',
      '# a comment',
      'postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash',
      'short:x:7',
      'wordy:x:one:two::/:/bin/sh',
      'nobody:*:-2:-2:Unprivileged User:/var/empty:/usr/bin/false',
      '',
    ].join('\n');
    expect(parsePasswd(text)).toEqual([
      { name: 'postgres', uid: 101, gid: 104 },
      { name: 'nobody', uid: -2, gid: -2 },
    ]);
  });

  test('another user with the id of root is root too', () => {
    expect(parsePasswd('postgres:x:0:0::/:/bin/sh')).toEqual([]);
  });
});
