import { expect, test } from 'vitest';
import { describeEvent } from './timeline.ts';

const METHOD = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e22';
const methods = new Map([[METHOD, { brand: 'visa', last_four: '4242' }]]);
const entryFor = (type: string, data: Record<string, unknown>, schema_version = 1) =>
  describeEvent({ type, schema_version, data }, { methods });

const attempt = {
  key: 'k',
  payment_id: 'invoice-1',
  payment_method_id: METHOD,
  amount: 4900,
  currency: 'USD',
  state: 'declined',
};

test.each([
  [
    'RecoveryAttempted',
    attempt,
    'Visa ending in 4242: the charge of $49.00 for the payment invoice-1 was declined.',
  ],
  [
    'RecoveryOpened',
    { payment_id: 'invoice-1', description: 'March', amount: 4900, currency: 'USD' },
    'The payment invoice-1 (March) of $49.00 failed, and we started to collect it.',
  ],
  ['PaymentMethodAdded', { payment_method_id: METHOD }, 'Visa ending in 4242 was added.'],
  ['PaymentMethodUsed', { payment_method_id: 'unknown' }, 'A payment method was used.'],
  [
    'DefaultPaymentMethodChanged',
    { payment_method_id: null },
    'You no longer have a default payment method.',
  ],
  [
    'NoticeSent',
    { payment_id: 'invoice-1', channel: 'sms' },
    'We notified you about the payment invoice-1 by text message.',
  ],
  [
    'ExpiryNoticeDue',
    { payment_method_id: METHOD, stage: 'notice_30' },
    'Visa ending in 4242 expires soon, and we are letting you know.',
  ],
  ['NoticeSent', { payment_id: null, channel: 'email' }, 'We notified you by e-mail.'],
])('%s is described in one sentence', (type, data, text) => {
  expect(entryFor(type, data)).toEqual({ type, text });
});

test('a suspicion is described in the same words as any other decline', () => {
  const suspicion = { class: 'FRAUD', rule: 'visa:43', code: 'stolen_card' };
  expect(entryFor('RecoveryAttempted', { ...attempt, ...suspicion })).toEqual(
    entryFor('RecoveryAttempted', attempt),
  );
  expect(entryFor('RecoveryClosed', { payment_id: 'p', state: 'stopped', rule: 'fraud' })).toEqual(
    entryFor('RecoveryClosed', { payment_id: 'p', state: 'stopped', rule: 'stopped' }),
  );
  const status = (new_status: string) =>
    entryFor('PaymentMethodStatusChanged', { payment_method_id: METHOD, new_status, reason: 'FRAUD' });
  expect(status('compromised')).toEqual(status('inactive'));
});

test('an event about other customers or a suspicion keeps its place and is masked', () => {
  const masked = { type: 'Masked', text: 'There was activity that we cannot show here.' };
  expect(entryFor('IdentityMatchSuggested', { customer_id: 'other', score: 1, evidence: [] })).toEqual(
    masked,
  );
  expect(entryFor('OfANewerVersion', {})).toEqual(masked);
  expect(entryFor('AddressRemoved', {}, 99)).toEqual(masked);
  expect(entryFor('toString', {})).toEqual(masked);
});
