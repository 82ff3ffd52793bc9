/** The dice of a random world: what it answers a recovery, and which messages come in meanwhile. */

import fc from 'fast-check';
import { DECLINE_CLASSES, type DeclineClass } from '../decline/classes.ts';
import type { ChargeAnswer } from '../ports.ts';
import type { Fact, ChargeOutcome, Step } from './state.ts';

export const METHODS = ['failed', 'a', 'b', 'new'];

/** One draw of the dice: what the world answers next. */
export interface Draw {
  charge: ChargeAnswer['result'];
  class: DeclineClass;
  claim: 'claimed' | 'refused' | 'ceiling' | 'customer' | 'instrument' | 'customer_suspended';
  found: ChargeOutcome['result'];
  /** What the gateway answers where the payment is to be cancelled. */
  cancel: 'cancelled' | 'processing' | 'unknown';
  look_up: Extract<Fact, { fact: 'looked_up' }>['payment'];
  fresh: string[];
  status: string;
}

const drawArbitrary: fc.Arbitrary<Draw> = fc.record({
  charge: fc.constantFrom('approved', 'declined', 'declined', 'declined', 'pending', 'unknown', 'not_sent'),
  class: fc.constantFrom(...DECLINE_CLASSES, 'LATER', 'TECH', 'FIX'),
  claim: fc.constantFrom(
    ...(['claimed', 'claimed', 'claimed', 'refused', 'ceiling', 'customer', 'instrument'] as const),
    'customer_suspended',
  ),
  found: fc.constantFrom('approved', 'declined', 'pending', 'unknown', 'not_sent', 'absent'),
  cancel: fc.constantFrom('cancelled', 'cancelled', 'processing', 'unknown'),
  look_up: fc.constantFrom('adopted', 'succeeded', 'came_back', 'cancelled', 'processing', 'not_ours'),
  fresh: fc.subarray(['a', 'new']),
  status: fc.constantFrom('active', 'active', 'active', 'suspended'),
});

/** What they fall to when they are used up: nothing stands in the way then, so it must come to an end. */
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
  what: fc.constantFrom(
    'claim_freed',
    'method_added',
    'consent_revoked',
    'fraud_known',
    'settled',
    'charge_heard',
    'settlement_in_review',
    'authenticated',
    'paused',
    'resumed',
    'resumed',
    'retry_now',
    'cancelled',
    'suspended',
    'active',
    'active',
    'erased',
    'resolved',
    'taken_over',
    'taken_over',
  ),
  method: fc.constantFrom(...METHODS),
  payment: fc.constantFrom('succeeded', 'came_back', 'confirmable', 'payable', 'none'),
  /** After so many steps or waits. */
  after: fc.nat(40),
});
/** A message that comes in at a random moment. */
export type Message = typeof messageArbitrary extends fc.Arbitrary<infer T> ? T : never;

/** One recovery's whole life, before it is lived. */
export const scenarioArbitrary = fc.record({
  failure: fc.constantFrom(...DECLINE_CLASSES),
  alternatives: fc.subarray(['a', 'b']),
  named: fc.boolean(),
  /** How the customer stands in the end. */
  status: fc.constantFrom('active', 'suspended'),
  draws: fc.array(drawArbitrary, { minLength: 1, maxLength: 40 }),
  messages: fc.array(messageArbitrary, { maxLength: 8 }),
  /** Every run is lost as soon as it has done this: what it knew and had not written yet is known to nobody. */
  lost_after: fc.constantFrom<(Step['do'] | undefined)[]>(
    ...([
      undefined,
      undefined,
      undefined,
      'close',
      'record',
      'refund',
      'flag_for_review',
      'keep_clock',
    ] as const),
  ),
});

export type Scenario = typeof scenarioArbitrary extends fc.Arbitrary<infer T> ? T : never;
