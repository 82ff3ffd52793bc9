/** The checker of the random runs reports each kind of fault in a tampered state, and none in a consistent one. */

import { expect, test } from 'vitest';
import { findProblems } from './check.ts';
import type { ObservedState } from './observed-state.ts';

const KEY = 'recovery:pay-1:method-2:1';

const ownAttempt = (key: string, state: string): ObservedState['attempts'][number] => ({
  ...{ key, source: 'recovery', payment_id: 'pay-1', payment_method_id: 'method-2', state },
  ...{ rule: 'r', fingerprint: 'fp_2', card_dead: false },
});

/** One payment, recovered on the customer's second card. */
function consistentState(): ObservedState {
  const added = (id: string) => ({
    payment_method_id: id,
    off_session_consent: true,
    proven: true,
    awaits_identifier_id: null,
  });
  const active = (id: string) => ({ payment_method_id: id, old_status: 'unverified', new_status: 'active' });
  const events: [string, Record<string, unknown>][] = [
    ['PaymentMethodAdded', added('method-1')],
    ['PaymentMethodStatusChanged', active('method-1')],
    ['PaymentMethodAdded', added('method-2')],
    ['PaymentMethodStatusChanged', active('method-2')],
    ['ChargeClaimed', { key: KEY, payment_id: 'pay-1', payment_method_id: 'method-2' }],
    ['RecoveryClosed', { payment_id: 'pay-1', state: 'recovered' }],
  ];
  return {
    payments: ['pay-1'],
    obligations: [
      {
        payment_id: 'pay-1',
        customer_id: 'customer-1',
        state: 'recovered',
        rule: 'r',
        amount: 4900,
        currency: 'USD',
        refunds_failed: [],
      },
    ],
    attempts: [ownAttempt(KEY, 'approved')],
    events: events.map(([type, data], at) => ({ customer_id: 'customer-1', type, data, at })),
    ledger: [
      {
        payment_id: 'pay-1',
        payment_intent: 'pi_1',
        idempotency_key: KEY,
        customer: 'cus_customer-1',
        payment_method: 'pm_2',
        amount: 4900,
        currency: 'usd',
        status: 'succeeded',
        disputed: false,
        refunded_by: null,
      },
    ],
    unrelated: ['pi_of_another'],
    cards: {
      pm_1: { customer: 'customer-1', method: 'method-1' },
      pm_2: { customer: 'customer-1', method: 'method-2' },
      pm_3: { customer: 'customer-2', method: 'method-3' },
    },
    phases: { 'pay-1': 'done' },
    differences: [],
  };
}

/** Inserts an event before the claim. */
const insertBeforeClaim = (observed: ObservedState, type: string, data: Record<string, unknown>) =>
  observed.events.splice(4, 0, { customer_id: 'customer-1', type, data, at: 0 });

/** Adds an external payment for the same obligation. */
function addExternalPayment(
  observed: ObservedState,
  changes: Partial<ObservedState['ledger'][number]> = {},
): void {
  const externalCharge = { ...charge(observed), payment_intent: 'pi_2', payment_method: 'pm_elsewhere' };
  observed.ledger.unshift({ ...externalCharge, idempotency_key: 'others:otherwise:pay-1', ...changes });
}

/** Inserts a decline of this or another customer before the claim. */
function insertDecline(
  observed: ObservedState,
  data: Record<string, unknown>,
  customer_id = 'customer-1',
): void {
  const key = 'reported:1';
  observed.attempts.push({
    ...ownAttempt(key, 'declined'),
    source: 'reported',
    card_dead: data.card_dead === true,
  });
  const event = { key, payment_id: 'pay-1', state: 'declined', source: 'reported', ...data };
  observed.events.splice(4, 0, { customer_id, type: 'RecoveryAttempted', data: event, at: -60_000 });
}

const charge = (observed: ObservedState) => observed.ledger[0] as ObservedState['ledger'][number];
const obligation = (observed: ObservedState) =>
  observed.obligations[0] as ObservedState['obligations'][number];

test('a consistent state has no problems', () => {
  expect(findProblems(consistentState())).toEqual([]);
});

test('changes after the claim are permitted, and so is a second charge that was refunded', () => {
  const observed = consistentState();
  const consent = { payment_method_id: 'method-2', off_session_consent: false };
  observed.events.push({ customer_id: 'customer-1', type: 'ConsentChanged', data: consent, at: 9 });
  const again = { ...charge(observed), idempotency_key: 'recovery:pay-1:method-1:1', payment_method: 'pm_1' };
  observed.ledger.push({ ...again, status: 'refunded', refunded_by: 'persona' });
  insertBeforeClaim(observed, 'ChargeClaimed', { key: again.idempotency_key, payment_method_id: 'method-1' });
  expect(findProblems(observed)).toEqual([]);
});

test.each<[string, (observed: ObservedState) => void]>([
  [
    'an external second success that was refunded',
    (f) => addExternalPayment(f, { status: 'refunded', refunded_by: 'persona' }),
  ],
  ['an external success that was disputed', (f) => addExternalPayment(f, { disputed: true })],
  [
    'an external second success that an operator must refund',
    (f) => {
      addExternalPayment(f);
      obligation(f).refunds_failed = ['settled:pi_2'];
    },
  ],
  ['an external refund', (f) => Object.assign(charge(f), { status: 'refunded', refunded_by: 'others' })],
  [
    'a refund after a settlement without a reference',
    (f) => {
      Object.assign(charge(f), { status: 'refunded', refunded_by: 'persona' });
      obligation(f).state = 'paid_elsewhere';
      f.events.at(-1)!.data.state = 'paid_elsewhere';
    },
  ],
  [
    'a claim that an external payment resolves',
    (f) => {
      f.attempts[0]!.rule = 'paid_by_another_method';
      addExternalPayment(f);
      f.ledger.pop();
    },
  ],
  [
    'a declined attempt whose response was lost, and whose payment the customer has paid',
    (f) => {
      f.attempts[0]!.rule = 'paid_by_another_method';
      addExternalPayment(f, { payment_intent: 'pi_1' });
      f.ledger[1]!.status = 'failed';
    },
  ],
  [
    'a STOP before the obligation was reopened',
    (f) => {
      insertBeforeClaim(f, 'RecoveryReopened', { payment_id: 'pay-1' });
      insertDecline(f, { class: 'STOP' });
    },
  ],
  [
    'a dispute that was won',
    (f) => {
      insertBeforeClaim(f, 'PaymentMethodDisputed', {
        payment_method_id: 'method-2',
        dispute_ref: 'du_1',
        state: 'won',
      });
      insertBeforeClaim(f, 'PaymentMethodDisputed', {
        payment_method_id: 'method-2',
        dispute_ref: 'du_1',
        state: 'open',
      });
    },
  ],
])('accepts %s', (_what, tamper) => {
  const observed = consistentState();
  tamper(observed);
  expect(findProblems(observed)).toEqual([]);
});

test.each<[string, (observed: ObservedState) => void, string]>([
  [
    'a second charge',
    (f) => f.ledger.push({ ...charge(f), idempotency_key: 'recovery:k' }),
    'pay-1 was charged 2 times',
  ],
  ['the same key twice', (f) => f.ledger.push({ ...charge(f) }), `${KEY} is in the ledger 2 times`],
  [
    'a charge that is missing in the graph',
    (f) => (obligation(f).state = 'exhausted'),
    'is exhausted and was charged 1 times',
  ],
  [
    'a success that is missing in the ledger',
    (f) => void f.ledger.pop(),
    'is recovered and was charged 0 times',
  ],
  [
    'an outcome that the ledger contradicts',
    (f) => (charge(f).status = 'failed'),
    'is approved in the graph and failed in the ledger',
  ],
  [
    'a declined attempt that an unrelated payment of the customer resolved',
    (f) => {
      f.attempts[0]!.rule = 'paid_by_another_method';
      addExternalPayment(f);
      f.ledger[1]!.status = 'failed';
    },
    'is approved in the graph and failed in the ledger',
  ],
  [
    'an approval that an external payment does not explain',
    (f) => {
      addExternalPayment(f);
      f.ledger.pop();
    },
    'is approved in the graph and undefined in the ledger',
  ],
  ["another customer's card", (f) => (charge(f).payment_method = 'pm_3'), "charged another customer's card"],
  [
    "another customer's account",
    (f) => (charge(f).customer = 'cus_customer-2'),
    "charged another customer's card",
  ],
  [
    'a different card than was claimed',
    (f) => (charge(f).payment_method = 'pm_1'),
    'charged a different card than it claimed',
  ],
  ['a different amount', (f) => (charge(f).amount = 4901), 'charged 4901 usd for 4900 USD'],
  ['no claim', (f) => void f.events.splice(4, 1), 'charged without a claim'],
  [
    'a suspended customer',
    (f) => insertBeforeClaim(f, 'CustomerStatusChanged', { new_status: 'suspended' }),
    'charged a customer who was suspended',
  ],
  [
    'an inactive card',
    (f) =>
      insertBeforeClaim(f, 'PaymentMethodStatusChanged', {
        payment_method_id: 'method-2',
        new_status: 'inactive',
      }),
    'charged a card that was inactive',
  ],
  [
    'no consent',
    (f) =>
      insertBeforeClaim(f, 'ConsentChanged', { payment_method_id: 'method-2', off_session_consent: false }),
    'charged a card without consent',
  ],
  ['an unproven card', (f) => (f.events[2]!.data.proven = false), 'charged a card that was not proven'],
  [
    'a disputed charge of its own that is missing in the wallet',
    (f) => (charge(f).disputed = true),
    `${KEY} was disputed, and its card has no record of it`,
  ],
  ['an external second success that was not refunded', (f) => addExternalPayment(f), 'pay-1 is paid 2 times'],
  [
    'a valid charge that was refunded',
    (f) => Object.assign(charge(f), { status: 'refunded', refunded_by: 'persona' }),
    'pay-1: its only success was refunded',
  ],
  [
    'a valid charge that was refunded for a later settlement',
    (f) => {
      Object.assign(charge(f), { status: 'refunded', refunded_by: 'persona' });
      obligation(f).state = 'paid_elsewhere';
      const data = { payment_id: 'pay-1', state: 'paid_elsewhere' };
      f.events.push({ customer_id: 'customer-1', type: 'RecoveryClosed', data, at: 9 });
    },
    'pay-1: its only success was refunded',
  ],
  [
    'a settlement by an unrelated payment',
    (f) => (f.events.at(-1)!.data.payment_ref = 'pi_of_another'),
    'pay-1 was settled by pi_of_another',
  ],
  [
    'a charge after the customer paid the reported payment',
    (f) => addExternalPayment(f, { idempotency_key: 'others:confirm:pay-1' }),
    'was charged after its customer had paid',
  ],
  [
    'a charge of its own in addition to an external one that was not refunded',
    (f) => {
      addExternalPayment(f);
      obligation(f).state = 'paid_elsewhere';
    },
    'is paid_elsewhere and was charged 1 times',
  ],
  ['a claim after STOP', (f) => insertDecline(f, { class: 'STOP' }), `${KEY} was claimed after STOP`],
  ['a claim after FRAUD', (f) => insertDecline(f, { class: 'FRAUD' }), `${KEY} was claimed after FRAUD`],
  [
    'a claim on a dead card',
    (f) => insertDecline(f, { card_dead: true }),
    'was claimed on a card that is dead',
  ],
  [
    'a claim on a card that another customer reported dead',
    (f) => insertDecline(f, { card_dead: true }, 'customer-2'),
    'was claimed on a card that is dead',
  ],
  [
    'a disputed card',
    (f) =>
      insertBeforeClaim(f, 'PaymentMethodDisputed', {
        ...{ payment_method_id: 'method-2', dispute_ref: 'du_1', state: 'lost' },
      }),
    'charged a card with a disputed charge',
  ],
  [
    'a removed card',
    (f) => insertBeforeClaim(f, 'PaymentMethodRemoved', { payment_method_id: 'method-2' }),
    'charged a card that was removed',
  ],
  [
    'a method that does not support the currency',
    (f) =>
      insertBeforeClaim(f, 'PaymentMethodUpdated', {
        payment_method_id: 'method-2',
        gateway_type: 'sepa_debit',
      }),
    'charged USD on a method of type sepa_debit',
  ],
  [
    'a request that the gateway refused as invalid',
    (f) =>
      insertBeforeClaim(f, 'RecoveryAttempted', {
        key: 'k',
        source: 'recovery',
        class: 'CONFIG',
        rule: 'stripe:x',
      }),
    'k was refused as stripe:x',
  ],
  [
    'a payment that is missing in the graph',
    (f) => void f.obligations.pop(),
    'pay-1 is unknown to the graph',
  ],
  [
    'a recovery in an unexpected state',
    (f) => (f.phases['pay-1'] = 'charging'),
    'pay-1: its recovery is charging',
  ],
  ['a graph that disagrees with its log', (f) => f.differences.push('x'), 'graph and log disagree'],
])('reports %s', (_what, tamper, problem) => {
  const observed = consistentState();
  tamper(observed);
  expect(findProblems(observed)).toContainEqual(expect.stringContaining(problem));
});
