/** Random scenarios: the responses that a recovery gets, and the messages that arrive meanwhile. */

import fc from 'fast-check';
import { weighted } from '../../test/scenarios/draw.ts';
import { DECLINE_CLASSES, type DeclineClass } from '../decline/classes.ts';
import type { ChargeAnswer } from '../ports.ts';
import type { Fact, ChargeOutcome, Step } from './state.ts';

export const METHODS = ['failed', 'a', 'b', 'new'];

/** One random draw: the simulated responses to the next step. */
export interface Draw {
  charge: ChargeAnswer['result'];
  class: DeclineClass;
  claim: 'claimed' | 'refused' | 'ceiling' | 'customer' | 'instrument' | 'customer_suspended';
  found: ChargeOutcome['result'];
  /** The gateway's response to a cancellation of the payment. */
  cancel: 'cancelled' | 'processing' | 'unknown';
  look_up: Extract<Fact, { fact: 'looked_up' }>['payment'];
  fresh: string[];
  status: string;
}

const drawArbitrary: fc.Arbitrary<Draw> = fc.record({
  charge: weighted({ approved: 1, declined: 3, pending: 1, unknown: 1, not_sent: 1 }),
  class: fc.constantFrom(...DECLINE_CLASSES, 'LATER', 'TECH', 'FIX'),
  claim: weighted({
    claimed: 3,
    refused: 1,
    ceiling: 1,
    customer: 1,
    instrument: 1,
    customer_suspended: 1,
  }),
  found: fc.constantFrom('approved', 'declined', 'pending', 'unknown', 'not_sent', 'absent'),
  cancel: weighted({ cancelled: 2, processing: 1, unknown: 1 }),
  look_up: fc.constantFrom('adopted', 'succeeded', 'reversed', 'cancelled', 'processing', 'not_ours'),
  fresh: fc.subarray(['a', 'new']),
  status: weighted({ active: 3, suspended: 1 }),
});

/** The draw once the random ones are used up: it blocks nothing, so the recovery must end. */
export const DEFAULT_DRAW: Draw = {
  charge: 'declined',
  class: 'LATER',
  claim: 'claimed',
  found: 'declined',
  cancel: 'cancelled',
  look_up: 'adopted',
  fresh: [],
  status: 'active',
};

const messageArbitrary = fc.record({
  what: weighted({
    claim_freed: 1,
    method_added: 1,
    consent_revoked: 1,
    fraud_known: 1,
    settled: 1,
    charge_reported: 1,
    settlement_in_review: 1,
    authenticated: 1,
    paused: 1,
    resumed: 2,
    retry_now: 1,
    cancelled: 1,
    suspended: 1,
    active: 2,
    erased: 1,
    resolved: 1,
    taken_over: 2,
  }),
  method: fc.constantFrom(...METHODS),
  payment: fc.constantFrom('succeeded', 'reversed', 'confirmable', 'payable', 'none'),
  /** The number of steps or waits before it arrives. */
  after: fc.nat(40),
});
/** A message that arrives at a random time. */
export type Message = typeof messageArbitrary extends fc.Arbitrary<infer T> ? T : never;

/** The inputs of one recovery's simulation. */
export const scenarioArbitrary = fc.record({
  failure: fc.constantFrom(...DECLINE_CLASSES),
  alternatives: fc.subarray(['a', 'b']),
  named: fc.boolean(),
  /** The customer's final status. */
  status: fc.constantFrom('active', 'suspended'),
  draws: fc.array(drawArbitrary, { minLength: 1, maxLength: 40 }),
  messages: fc.array(messageArbitrary, { maxLength: 8 }),
  /** Every run is lost after this step, with everything that it had not stored. */
  lost_after: fc.constantFrom<(Step['do'] | undefined)[]>(
    ...([
      undefined,
      undefined,
      undefined,
      'close',
      'record',
      'refund',
      'flag_for_review',
      'store_clock',
    ] as const),
  ),
});

export type Scenario = typeof scenarioArbitrary extends fc.Arbitrary<infer T> ? T : never;
