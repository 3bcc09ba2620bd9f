import { readFile } from 'node:fs/promises';

import { expect, test } from '@jest/globals';

import { TERMINAL_STATES } from '@tidemark/contracts';

import { allMoves } from './job-states.js';

test('the diagram in the README shows the table, move by move', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  const diagram = /```mermaid\nstateDiagram-v2\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const lines = diagram.split('\n').map((line) => line.trim());
  const ends = ['[*] --> QUEUED', ...TERMINAL_STATES.map((state) => `${state} --> [*]`)];
  const moves = allMoves().map(({ from, event, to }) => `${from} --> ${to}: ${event}`);
  expect(lines.filter((line) => line !== '').sort()).toEqual([...ends, ...moves].sort());
});
