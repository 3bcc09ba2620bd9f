import { expect, test } from '@jest/globals';

import { COLUMNS } from '@tidemark/archive';
import { VERSION_COLUMNS } from '@tidemark/document-index';

test('the rows that the index hands out are the rows that an archive holds', () => {
  expect(VERSION_COLUMNS).toEqual(COLUMNS);
});
