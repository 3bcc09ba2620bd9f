import type { Column } from '@tidemark/contracts';

/** The columns of a row, in the order of the parts; fixed for format version 1. */
export const COLUMNS: readonly Column[] = [
  { name: 'link', type: 'text' },
  { name: 'version', type: 'bigint' },
  { name: 'update_time_micros', type: 'bigint' },
  { name: 'update_action', type: 'text' },
  { name: 'kind', type: 'text' },
  { name: 'expiration_time_micros', type: 'bigint' },
  { name: 'body', type: 'json' },
];
