import { expect, test } from 'vitest';
import { DECLINE_CLASSES, type DeclineClass } from '../domain/decline/classes.ts';
import type { AttemptState, RecoveryOutcome, RecoveryStatus } from '../domain/recovery/status.ts';
import { redactForCustomer, toRecoveryView } from './recovery-text.ts';

const ID = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';
const recovery = (change: Partial<RecoveryStatus> = {}): RecoveryStatus => ({
  payment_id: 'pay-1',
  customer_id: ID,
  state: 'waiting',
  class: 'LATER',
  rule: 'visa:51',
  amount: 1250,
  currency: 'EUR',
  failed_payment_method_id: ID,
  attempts: [],
  paused: false,
  opened_at: '2026-04-18T10:00:00.000Z',
  ...change,
});
const attempt = (state: AttemptState, change: object = {}) => ({
  n: 1,
  payment_method_id: ID,
  key: 'recovery:pay-1:x:1',
  state,
  started_at: '2026-04-18T10:00:00.000Z',
  ...change,
});
const OUTCOMES: RecoveryOutcome[] = [
  'recovered',
  'stopped',
  'exhausted',
  'paid_elsewhere',
  'cancelled',
  'ignored',
];
/** docs/reference/decline-codes.md, 'Classes'. */
const NEVER_SHOWN = /fraud|stolen|lost|report|\b(41|43|51|59)\b|insufficient/i;

test.each(DECLINE_CLASSES)(
  'what a customer sees of a %s never discloses codes or suspicions',
  (declineClass) => {
    for (const outcome of [undefined, ...OUTCOMES]) {
      const rules = ['visa:43', 'stripe:stolen_card', 'text:lost_card', 'fraud', 'reported_unknown'];
      for (const rule of rules) {
        const shown = redactForCustomer(
          toRecoveryView(
            recovery({
              class: declineClass as DeclineClass,
              rule,
              outcome,
              attempts: [attempt('declined', { class: declineClass, rule, code: 'stolen_card' })],
            }),
          ),
        );
        expect(JSON.stringify(shown)).not.toMatch(NEVER_SHOWN);
        expect(shown.reason_text).not.toBe('');
        expect(shown.attempts[0]?.reason_text).not.toBe('');
      }
    }
  },
);

test('agents see the class, the rule and the code unchanged', () => {
  const attempts = [attempt('declined', { class: 'FRAUD', rule: 'visa:43', code: '43' })];
  expect(toRecoveryView(recovery({ class: 'FRAUD', rule: 'fraud', attempts }))).toMatchObject({
    class: 'FRAUD',
    rule: 'fraud',
    attempts: [{ class: 'FRAUD', rule: 'visa:43', code: '43' }],
  });
});

test('a rule that discloses nothing is shown', () => {
  const shown = redactForCustomer(toRecoveryView(recovery({ rule: 'not_recurring', outcome: 'stopped' })));
  expect(shown.rule).toBe('not_recurring');
});

test.each([
  [
    { class: 'LATER', outcome: 'recovered' },
    'The bank did not approve the payment this time. The payment went through with another attempt.',
  ],
  [
    { class: 'HARD', waiting_for: 'method' },
    'The bank did not accept this payment method. Add or update a payment method to complete the payment.',
  ],
  [{ class: 'TECH' }, 'The bank could not be reached.'],
  [{ class: 'UNKNOWN', outcome: 'paid_elsewhere' }, 'The payment was settled another way.'],
] as const)('%j is explained in plain words', (change, text) => {
  expect(toRecoveryView(recovery(change)).reason_text).toBe(text);
});

test.each([
  ['approved', 'The payment went through.'],
  ['in_flight', 'The payment is being processed.'],
  ['unknown', 'We are checking whether the payment went through.'],
  ['void', 'The payment was not sent.'],
] as const)('an attempt that is %s is explained in plain words', (state, text) => {
  expect(toRecoveryView(recovery({ attempts: [attempt(state)] })).attempts[0]?.reason_text).toBe(text);
});
