import { expect, test } from 'vitest';
import {
  contestId,
  CORRECTIONS,
  correctionMessage,
  isContestable,
  linkOf,
  parseContestId,
  removalOf,
  validateContestDecision,
} from './contests.ts';
import { english } from './texts/en.ts';

const CUSTOMER = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';
const DECISION = { decision: 'upheld', explanation: 'It was never yours.', actor: 'grace' };

test('a contest is named by its customer and event', () => {
  expect(parseContestId(contestId(CUSTOMER, 12))).toEqual({ customer_id: CUSTOMER, seq: 12 });
  for (const id of ['', CUSTOMER, `${CUSTOMER}:0`, `${CUSTOMER}:01`, `${CUSTOMER}:1:2`, 'x:1'])
    expect(parseContestId(id)).toBeUndefined();
});

test('only what states no fact about the person cannot be contested, and nothing that is masked', () => {
  const refused = Object.keys(english.timeline.events).filter((type) => !isContestable(type));
  expect(refused.sort()).toEqual([
    'ChargeClaimed',
    'ContestDecided',
    'DeviceRegistered',
    'DeviceSeen',
    'DeviceSightingForgotten',
    'EventAnnotated',
    'EventContested',
    'ExpiryNoticeDue',
    'NodePropertyChanged',
    'NoticeFailed',
    'NoticeSent',
    'RecoveryForgotten',
    'RecoveryNeedsReview',
    'RefundFailed',
    'RefundRequested',
  ]);
  // Of these the customer sees the type `Masked` alone: a refusal would say which one it is.
  for (const type of [
    'IdentityMatchSuggested',
    'FraudOutcomeApplied',
    'FraudReviewReminded',
    'FromALaterRelease',
  ])
    expect(isContestable(type)).toBe(true);
});

test('five types of events restrict what they linked, and upholding removes it by its own command', () => {
  const removals = [
    ['DeviceLinked', { device_id: 'd' }],
    ['LoginRecorded', { device_id: 'd' }],
    ['AddressAdded', { address_id: 'a' }],
    ['DigitalIdentifierAdded', { identifier_id: 'i' }],
    ['PaymentMethodAdded', { payment_method_id: 'p' }],
  ].map(([type, data]) => {
    const link = linkOf(type as string, data);
    return link && correctionMessage(removalOf(link));
  });
  expect(removals).toEqual([
    { command: 'unlinkDevice', device_id: 'd' },
    { command: 'unlinkDevice', device_id: 'd' },
    { command: 'removeAddress', address_id: 'a' },
    { command: 'removeDigitalIdentifier', identifier_id: 'i' },
    { command: 'removePaymentMethod', payment_method_id: 'p' },
  ]);
  for (const type of ['CustomerStatusChanged', 'AddressUpdated', 'constructor'])
    expect(linkOf(type, { address_id: 'a' })).toBeUndefined();
});

test('a decision says what it corrects; a rejection corrects nothing', () => {
  const corrections = [{ command: 'removeAddress', address_id: CUSTOMER }];
  expect(validateContestDecision({ ...DECISION, corrections })).toEqual({
    ok: true,
    message: { ...DECISION, corrections: [{ command: 'removeAddress', id: CUSTOMER }] },
  });
  const about = validateContestDecision({ ...DECISION, opened_seq: 4 });
  expect(about).toEqual({ ok: true, message: { ...DECISION, opened_seq: 4, corrections: [] } });
});

const many = Array.from({ length: 21 }, () => ({ command: 'removeAddress', address_id: CUSTOMER }));
test.each<[unknown, string]>([
  [{ ...DECISION, decision: 'maybe' }, 'decision'],
  [{ ...DECISION, explanation: '' }, 'explanation'],
  [{ ...DECISION, actor: undefined }, 'actor'],
  [{ ...DECISION, opened_seq: 0 }, 'opened_seq'],
  [{ ...DECISION, decision: 'rejected', corrections: many.slice(0, 1) }, 'corrections'],
  [{ ...DECISION, corrections: many }, 'corrections'],
  [{ ...DECISION, corrections: [{ command: 'eraseCustomer', id: CUSTOMER }] }, 'corrections[0].command'],
  ...Object.keys(CORRECTIONS).map((command): [unknown, string] => [
    { ...DECISION, corrections: [{ command, other_id: CUSTOMER }] },
    `corrections[0].${CORRECTIONS[command as keyof typeof CORRECTIONS]}`,
  ]),
])('%j is refused, and the field named', (message, field) => {
  const checked = validateContestDecision(message);
  expect(checked.ok ? [] : checked.problems.map((problem) => problem.field)).toContain(field);
});
