import { describe, expect, test } from '@jest/globals';

import { JOB_STATES, TERMINAL_STATES, type JobState } from '@tidemark/contracts';

import { allMoves, HOLDING_STATES, JOB_EVENTS, LEASED_STATES, nextState } from './job-states.js';

/** The sentence of ARCHITECTURE.md, "Job states". */
const SENTENCE = [
  'QUEUED -> RUNNING -> FINISHING -> SUCCEEDED',
  'RUNNING | FINISHING -> FAILED',
  'QUEUED -> CANCELLED',
  'RUNNING -> CANCELLING -> CANCELLED | FAILED',
  'RUNNING -> QUEUED',
];

describe('the table of job states', () => {
  test('allows the moves that ARCHITECTURE.md names and no other', () => {
    const moves = allMoves().filter(({ from, to }) => from !== to);
    expect(new Set(moves.map(({ from, to }) => `${from} -> ${to}`))).toEqual(new Set(SENTENCE.flatMap(movesOf)));
  });

  test('lets every state be reached from QUEUED', () => {
    const reached = new Set<JobState>(['QUEUED']);
    for (const state of reached) {
      for (const { from, to } of allMoves()) if (from === state) reached.add(to);
    }
    expect(reached).toEqual(new Set(JOB_STATES));
  });

  test('lets a job end from every state', () => {
    expect(JOB_STATES.filter((state) => !canEnd(state))).toEqual([]);
  });

  test.each(TERMINAL_STATES)('never changes %s', (state) => {
    expect(JOB_EVENTS.map((event) => nextState(state, event))).toEqual(JOB_EVENTS.map(() => undefined));
  });

  test('uses every event', () => {
    expect(new Set(allMoves().map(({ event }) => event))).toEqual(new Set(JOB_EVENTS));
  });

  test('lets no cancel and no lost lease end FINISHING', () => {
    expect(nextState('FINISHING', 'CANCEL')).toBeUndefined();
    expect(nextState('FINISHING', 'RETRY')).toBe('FINISHING');
    expect(nextState('FINISHING', 'EXHAUST')).toBe('FINISHING');
  });

  test('knows the states that attempts are in', () => {
    const byEvents = JOB_STATES.filter((state) => nextState(state, 'RETRY') !== undefined);
    expect(new Set(HOLDING_STATES)).toEqual(new Set(byEvents));
    const endedByLease = byEvents.filter((state) => nextState(state, 'EXHAUST') !== state);
    expect(new Set(LEASED_STATES)).toEqual(new Set(endedByLease));
  });
});

function canEnd(state: JobState, passed: readonly JobState[] = []): boolean {
  if ((TERMINAL_STATES as readonly JobState[]).includes(state)) return true;
  return allMoves().some(
    ({ from, to }) => from === state && !passed.includes(to) && to !== state && canEnd(to, [...passed, state]),
  );
}

/** `A | B -> C -> D` as its single moves. */
function movesOf(chain: string): string[] {
  const steps = chain.split(' -> ').map((step) => step.split(' | '));
  return steps
    .slice(1)
    .flatMap((next, at) => (steps[at] ?? []).flatMap((from) => next.map((to) => `${from} -> ${to}`)));
}
