/** The checker of the random runs finds every kind of fault in a doctored ledger or graph, and none in a true one. */

import { expect, test } from 'vitest';
import { check, type Findings } from './random/check.ts';

const KEY = 'recovery:pay-1:method-2:1';

/** One payment, recovered on the customer's second card. */
function sound(): Findings {
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
      { payment_id: 'pay-1', customer_id: 'customer-1', state: 'recovered', amount: 4900, currency: 'USD' },
    ],
    attempts: [{ key: KEY, payment_id: 'pay-1', payment_method_id: 'method-2', state: 'approved' }],
    events: events.map(([type, data]) => ({ customer_id: 'customer-1', type, data })),
    ledger: [
      {
        payment_id: 'pay-1',
        idempotency_key: KEY,
        customer: 'cus_customer-1',
        payment_method: 'pm_2',
        amount: 4900,
        currency: 'usd',
        status: 'succeeded',
      },
    ],
    cards: {
      pm_1: { customer: 'customer-1', method: 'method-1' },
      pm_2: { customer: 'customer-1', method: 'method-2' },
      pm_3: { customer: 'customer-2', method: 'method-3' },
    },
    phases: { 'pay-1': 'done' },
    differences: [],
  };
}

/** Something that happened before the claim. */
const before = (findings: Findings, type: string, data: Record<string, unknown>) =>
  findings.events.splice(4, 0, { customer_id: 'customer-1', type, data });

const charge = (findings: Findings) => findings.ledger[0] as Findings['ledger'][number];
const obligation = (findings: Findings) => findings.obligations[0] as Findings['obligations'][number];

test('a true world has no problems', () => {
  expect(check(sound())).toEqual([]);
});

test('what changed only after the claim is no problem, and neither is a second charge that was given back', () => {
  const findings = sound();
  const consent = { payment_method_id: 'method-2', off_session_consent: false };
  findings.events.push({ customer_id: 'customer-1', type: 'ConsentChanged', data: consent });
  const again = { ...charge(findings), idempotency_key: 'recovery:pay-1:method-1:1', payment_method: 'pm_1' };
  findings.ledger.push({ ...again, status: 'refunded' });
  before(findings, 'ChargeClaimed', { key: again.idempotency_key, payment_method_id: 'method-1' });
  expect(check(findings)).toEqual([]);
});

test.each<[string, (findings: Findings) => void, string]>([
  [
    'a second charge',
    (f) => f.ledger.push({ ...charge(f), idempotency_key: 'k' }),
    'pay-1 was charged 2 times',
  ],
  ['the same key twice', (f) => f.ledger.push({ ...charge(f) }), `${KEY} is in the ledger 2 times`],
  [
    'a charge that the graph does not know of',
    (f) => (obligation(f).state = 'exhausted'),
    'is exhausted and was charged 1 times',
  ],
  ['a success that is in no ledger', (f) => void f.ledger.pop(), 'is recovered and was charged 0 times'],
  [
    'an outcome that the ledger contradicts',
    (f) => (charge(f).status = 'failed'),
    'is approved in the graph and failed in the ledger',
  ],
  ["another customer's card", (f) => (charge(f).payment_method = 'pm_3'), "charged another customer's card"],
  [
    "another customer's account",
    (f) => (charge(f).customer = 'cus_customer-2'),
    "charged another customer's card",
  ],
  [
    'another card than was claimed',
    (f) => (charge(f).payment_method = 'pm_1'),
    'charged another card than it claimed',
  ],
  ['another amount', (f) => (charge(f).amount = 4901), 'charged 4901 usd for 4900 USD'],
  ['no claim', (f) => void f.events.splice(4, 1), 'charged without a claim'],
  [
    'a suspended customer',
    (f) => before(f, 'CustomerStatusChanged', { new_status: 'suspended' }),
    'charged a customer who was suspended',
  ],
  [
    'an inactive card',
    (f) => before(f, 'PaymentMethodStatusChanged', { payment_method_id: 'method-2', new_status: 'inactive' }),
    'charged a card that was inactive',
  ],
  [
    'no consent',
    (f) => before(f, 'ConsentChanged', { payment_method_id: 'method-2', off_session_consent: false }),
    'charged a card without consent',
  ],
  ['an unproven card', (f) => (f.events[2]!.data.proven = false), 'charged a card that was not proven'],
  ['a payment that nobody remembers', (f) => void f.obligations.pop(), 'pay-1 is unknown to the graph'],
  [
    'a recovery without a named state',
    (f) => (f.phases['pay-1'] = 'charging'),
    'pay-1: its recovery is charging',
  ],
  ['a graph that is not what its log says', (f) => f.differences.push('x'), 'graph and log disagree'],
])('finds %s', (_what, doctor, problem) => {
  const findings = sound();
  doctor(findings);
  expect(check(findings)).toContainEqual(expect.stringContaining(problem));
});
