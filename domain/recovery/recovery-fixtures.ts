/** Fixtures that run recoveries in tests: an initial snapshot, and responses to each step. */

import type { DeclineClass } from '../decline/classify.ts';
import type { ChargeAnswer } from '../ports.ts';
import type { Claim, RecordedAttempt, RecoverySnapshot, RecoveryRefresh } from './claims.ts';
import { decide } from './decide.ts';
import { evolve } from './evolve.ts';
import type { Candidate, Fact, RecoveryState, Step } from './state.ts';
import type { AttemptState, AttemptStatus } from './status.ts';

export const NOW = Date.UTC(2026, 10, 21, 12);
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export function snapshot(
  changes: Partial<RecoverySnapshot> = {},
  failureClass: DeclineClass = 'LATER',
): RecoverySnapshot {
  return {
    payment_id: 'invoice-1',
    customer_id: 'customer-1',
    kind: 'recurring',
    amount: 1250,
    currency: 'EUR',
    state: 'open',
    rule: `rule:${failureClass}`,
    failed_payment_method_id: 'failed',
    failure: {
      event_id: 'event-1',
      payment_method_id: 'failed',
      status: 'declined',
      class: failureClass,
      rule: `rule:${failureClass}`,
      notify_chimera: false,
      occurred_at: new Date(NOW).toISOString(),
    },
    alternatives: ['a', 'b'],
    attempts: [],
    opened_at: NOW,
    closes_at: NOW + 14 * DAY,
    read_at: NOW,
    policy: {
      window: 14 * DAY,
      requireTrustedDevice: true,
      swapDefault: true,
      cascadeOnHard: false,
      maxEventAge: 14 * DAY,
      refundDuplicate: true,
      retry: { LATER: [DAY, 3 * DAY, 5 * DAY, 7 * DAY], TECH: [15 * MINUTE, 2 * HOUR, DAY] },
      unknown: [0, 5 * MINUTE, HOUR, DAY, DAY],
      pending: [HOUR, DAY, DAY],
    },
    ...changes,
  };
}

const methodOf = (key: string): [string, number] => {
  const [method, n] = key.split(':').slice(-2) as [string, string];
  return [method, Number(n)];
};
export const keyOf = (method: string, n: number) => `recovery:invoice-1:${method}:${n}`;

export function attempt(
  method: string,
  n: number,
  state: AttemptState,
  declineClass?: DeclineClass,
  now = NOW,
): AttemptStatus {
  return {
    n,
    payment_method_id: method,
    key: keyOf(method, n),
    state,
    ...(declineClass ? { class: declineClass, rule: `rule:${declineClass}` } : {}),
    started_at: new Date(now).toISOString(),
  };
}

export function claimed(method: string, n: number, now = NOW): Claim {
  return {
    result: 'claimed',
    attempt: {
      key: keyOf(method, n),
      payment_method_id: method,
      n,
      claimed_at: now,
      claim_deadline: now + 60_000,
    },
  };
}

export function recorded(
  method: string,
  n: number,
  state: AttemptState,
  declineClass?: DeclineClass,
  now = NOW,
): RecordedAttempt {
  return {
    attempt: attempt(method, n, state, declineClass, now),
    obligation_state: state === 'approved' ? 'recovered' : 'open',
    overpaid: false,
    notify_chimera: declineClass === 'FRAUD',
  };
}

/** The methods that an open recovery may charge next. */
export function candidatesOf({ phase }: RecoveryState): Candidate[] {
  return phase.name === 'open' ? phase.candidates : [];
}

export type Outcome = { state: AttemptState; class?: DeclineClass };

/** Runs a recovery to its end or its first wait, with the given outcome of each charge, and returns its steps. */
export function runUntilWait(
  state: RecoveryState,
  outcomes: Record<string, Outcome>,
  now = NOW,
  found: Partial<RecoveryRefresh> = {},
): { done: string[]; state: RecoveryState } {
  const done: string[] = [];
  let current = state;
  for (let steps = 0; steps < 100; steps++) {
    const step = decide(current, now);
    // Storing the clock is not visible outside.
    if (step.do !== 'store_clock') done.push(label(step));
    const fact = factOf(step, outcomes, current, now, found);
    if (!fact) return { done, state: current };
    current = evolve(current, fact);
  }
  throw new Error(`the recovery loops: ${done.slice(-6).join(', ')}`);
}

export function label(step: Step): string {
  switch (step.do) {
    case 'claim':
      return `claim ${step.candidate.payment_method_id}:${step.n}`;
    case 'charge':
      return `charge ${step.claim.payment_method_id}`;
    case 'record':
      return `record ${step.answer.result}`;
    case 'close':
      return `close ${step.ending.outcome} by ${step.ending.rule}`;
    case 'flag_for_review':
      return `review ${step.rule}`;
    case 'notify':
      return `notify ${step.notice.template}`;
    case 'wait':
      return `wait${step.for ? ` for ${step.for}` : ''}`;
    default:
      return step.do;
  }
}

function factOf(
  step: Step,
  outcomes: Record<string, Outcome>,
  state: RecoveryState,
  now: number,
  found: Partial<RecoveryRefresh>,
): Fact | undefined {
  switch (step.do) {
    case 'claim': {
      const method = step.candidate.payment_method_id;
      return {
        fact: 'claim_answered',
        candidate: step.candidate,
        claim: claimed(method, step.n, now),
        at: now,
      };
    }
    case 'charge': {
      const answers: Record<AttemptState, ChargeAnswer> = {
        approved: { result: 'approved', gateway_ref: 'pi_1' },
        declined: { result: 'declined', codes: {} },
        pending: { result: 'pending', gateway_ref: 'pi_1' },
        unknown: { result: 'unknown', reason: 'timeout' },
        void: { result: 'not_sent', reason: 'refused' },
        in_flight: { result: 'unknown', reason: 'timeout' },
      };
      const outcome = outcomes[step.claim.payment_method_id] ?? { state: 'approved' };
      return { fact: 'charge_answered', answer: answers[outcome.state] };
    }
    case 'record': {
      const [payment_method_id, n] = methodOf(step.key);
      const outcome = outcomes[payment_method_id] ?? { state: 'approved' };
      const newState = step.answer.result === 'not_sent' ? 'void' : outcome.state;
      return {
        fact: 'attempt_recorded',
        recorded: recorded(
          payment_method_id,
          n,
          newState,
          newState === 'declined' ? outcome.class : undefined,
          now,
        ),
        at: now,
      };
    }
    case 'flag_for_review':
      return { fact: 'flagged_for_review', at: now };
    case 'report_fraud':
      return { fact: 'fraud_reported' };
    case 'notify':
      return { fact: 'notified', notice: step.notice, at: now };
    case 'refresh':
      return { fact: 'refreshed', found: { customer_status: 'active', methods: [], ...found }, at: now };
    case 'look_up':
      return { fact: 'looked_up', payment: 'adopted', at: now };
    case 'close':
      if (step.ending.outcome === 'recovered') throw new Error('only an approved attempt recovers');
      return {
        fact: 'closed',
        obligation: {
          payment_id: state.obligation.payment_id,
          customer_id: state.obligation.customer_id,
          outcome: step.ending.outcome,
          rule: step.ending.rule,
          attempts: state.attempts,
        },
        payment_open: step.keep_payment,
      };
    case 'resolve_charge':
      return {
        fact: 'charge_resolved',
        key: step.key,
        found: { result: 'unknown', reason: 'no response' },
        at: now,
      };
    case 'refund':
      return { fact: 'refunded', key: step.key, notify: true };
    case 'cancel_payment':
      return { fact: 'payment_cancelled' };
    case 'store_clock':
      return { fact: 'clock_stored', clock: step.clock };
    case 'wait':
    case 'finish':
      return undefined;
  }
}
