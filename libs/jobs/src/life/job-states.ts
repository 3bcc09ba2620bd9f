import { JOB_STATES, type JobState } from '@tidemark/contracts';

/** What can happen to a job. Reports, calls and sweeps are first turned into one of these. */
export const JOB_EVENTS = [
  /** A worker takes the job: its first attempt, the next one, or the finishing of a stored effect. */
  'CLAIM',
  /** The attempt names the effect that it is about to make true. */
  'FINISH',
  /** A caller asks to cancel. */
  'CANCEL',
  /** The effect is true. */
  'SUCCEED',
  /** The attempt stopped because it was asked to. */
  'STOP',
  /** The worker shuts down and gives the job back; the attempt does not count. */
  'HAND_BACK',
  /** The attempt ended in a way that another may mend (a retriable error, a lost lease), and one is left. */
  'RETRY',
  /** As RETRY, but it was the last attempt. */
  'EXHAUST',
  /** The attempt met an error that no other attempt can mend. */
  'FAIL',
] as const;
export type JobEvent = (typeof JOB_EVENTS)[number];

type Moves = Partial<Record<JobEvent, JobState>>;

/** State x event -> next state. What is not listed cannot happen: whoever tries has no say any more. */
const TRANSITIONS = {
  QUEUED: { CLAIM: 'RUNNING', CANCEL: 'CANCELLED' },
  RUNNING: {
    FINISH: 'FINISHING',
    CANCEL: 'CANCELLING',
    HAND_BACK: 'QUEUED',
    RETRY: 'QUEUED',
    EXHAUST: 'FAILED',
    FAIL: 'FAILED',
  },
  FINISHING: {
    CLAIM: 'FINISHING',
    SUCCEED: 'SUCCEEDED',
    HAND_BACK: 'FINISHING',
    RETRY: 'FINISHING',
    EXHAUST: 'FINISHING',
    FAIL: 'FAILED',
  },
  CANCELLING: {
    CANCEL: 'CANCELLING',
    SUCCEED: 'CANCELLED',
    STOP: 'CANCELLED',
    HAND_BACK: 'CANCELLED',
    RETRY: 'CANCELLED',
    EXHAUST: 'CANCELLED',
    FAIL: 'FAILED',
  },
  SUCCEEDED: {},
  FAILED: {},
  CANCELLED: {},
} as const satisfies Record<JobState, Moves>;

/** The state after `event`; undefined where the event cannot happen. */
export function nextState(state: JobState, event: JobEvent): JobState | undefined {
  const moves: Moves = TRANSITIONS[state];
  return moves[event];
}

/** States in which an attempt may be under way; they hold the job's exclusive key. */
export const HOLDING_STATES = ['RUNNING', 'FINISHING', 'CANCELLING'] as const satisfies readonly JobState[];

/** States whose attempt ends with its lease. FINISHING is not one: it outlives leases. */
export const LEASED_STATES = ['RUNNING', 'CANCELLING'] as const satisfies readonly JobState[];

/** Every move of the table, for whoever shows or checks it. */
export function allMoves(): { from: JobState; event: JobEvent; to: JobState }[] {
  return JOB_STATES.flatMap((from) =>
    JOB_EVENTS.flatMap((event) => {
      const to = nextState(from, event);
      return to === undefined ? [] : [{ from, event, to }];
    }),
  );
}
