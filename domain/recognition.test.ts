import { describe, expect, test } from 'vitest';
import type { Policy } from './policy.ts';
import type { Evidence, IdentifierMatch } from './recognition.ts';
import { upgradedSegment, recognise, recogniseNewCustomer } from './recognition.ts';

const policy = (change: Partial<Policy['onboarding']> = {}): Pick<Policy, 'onboarding'> => ({
  onboarding: {
    deviceMatch: 'suggest',
    limits: { email: 1, phone: 1, device: 2 },
    verifyWait: 0,
    blockedValues: [],
    ...change,
  },
});
const match = (customer_id: string, change: Partial<IdentifierMatch> = {}): IdentifierMatch => ({
  type: 'email',
  claimed_verified: true,
  identifier_id: `i-${customer_id}`,
  is_verified: true,
  customer_id,
  has_verified_email: true,
  linked_at: '2026-01-01T00:00:00.000Z',
  holders: 1,
  ...change,
});
const evidence = (change: Partial<Evidence> = {}): Evidence => ({
  identifiers: [],
  claims_verified_email: false,
  ...change,
});

test('the given customer id takes precedence over every identifier; the customers they point to are suggested', () => {
  const given = evidence({
    given_customer_id: 'g',
    identifiers: [match('a'), match('g', { type: 'phone_number' })],
  });
  expect(recognise(given, policy())).toEqual({
    customer_id: 'g',
    rule: 'customer_id',
    proven: true,
    suggestions: [{ customer_id: 'a', score: 0.9, evidence: ['email'] }],
  });
});

test.each<[string, IdentifierMatch[], string]>([
  ['verified on both sides', [match('a', { is_verified: false }), match('b')], 'b'],
  [
    'verified by the customer',
    [match('a', { is_verified: false }), match('b', { claimed_verified: false })],
    'b',
  ],
  ['the older', [match('a', { linked_at: '2026-01-02T00:00:00.000Z' }), match('b')], 'b'],
  ['the e-mail address of two equals', [match('a', { type: 'phone_number' }), match('b')], 'b'],
])('the stronger of two identifiers wins: %s', (_, identifiers, expected) => {
  expect(recognise(evidence({ identifiers }), policy()).customer_id).toBe(expected);
});

test('one identifier verified on both sides proves the customer, whichever identifier matched first', () => {
  const identifiers = [match('a', { is_verified: false }), match('a', { type: 'phone_number' })];
  expect(recognise(evidence({ identifiers }), policy())).toMatchObject({
    rule: 'phone_number',
    proven: true,
  });
});

test('an unproven recognition waits for the identifier that the customer has not verified', () => {
  const identifiers = [match('a', { is_verified: false })];
  expect(recognise(evidence({ identifiers }), policy())).toMatchObject({
    proven: false,
    awaits_identifier_id: 'i-a',
  });
  const claimed = [match('a', { claimed_verified: false })];
  expect(recognise(evidence({ identifiers: claimed }), policy())).not.toHaveProperty('awaits_identifier_id');
});

describe('a reassigned phone number', () => {
  const phone = (customer_id: string, change: Partial<IdentifierMatch> = {}) =>
    match(customer_id, { type: 'phone_number', ...change });
  const claims_verified_email = true;

  test('proves nothing against a different proven e-mail address', () => {
    const identifiers = [phone('before')];
    const recognised = recognise(evidence({ identifiers, claims_verified_email }), policy());
    expect(recognised).toMatchObject({ customer_id: 'before', rule: 'phone_number', proven: false });
    // The identifier is verified already, so there is nothing to wait for.
    expect(recognised).not.toHaveProperty('awaits_identifier_id');
  });

  test('yields to the e-mail address of its new holder, although that is younger and unverified', () => {
    const identifiers = [
      phone('before'),
      match('now', { is_verified: false, linked_at: '2026-05-01T00:00:00.000Z' }),
    ];
    expect(recognise(evidence({ identifiers, claims_verified_email }), policy())).toMatchObject({
      customer_id: 'now',
      rule: 'email',
      suggestions: [{ customer_id: 'before', score: 0.6, evidence: ['phone_number'] }],
    });
  });

  test.each<[string, Partial<Evidence>]>([
    [
      'the customer has no proven e-mail address',
      { identifiers: [phone('a', { has_verified_email: false })] },
    ],
    [
      'the sender reports no proven e-mail address',
      { identifiers: [phone('a')], claims_verified_email: false },
    ],
    [
      'the e-mail address belongs to the same customer',
      { identifiers: [phone('a'), match('a', { is_verified: false })] },
    ],
  ])('is still proof where %s', (_, change) => {
    expect(recognise(evidence({ claims_verified_email, ...change }), policy())).toMatchObject({
      customer_id: 'a',
      proven: true,
    });
  });
});

test('a value shared by too many customers is no evidence', () => {
  const identifiers = [match('a', { holders: 2 }), match('b', { holders: 2 })];
  expect(recognise(evidence({ identifiers }), policy())).toEqual({
    rule: 'none',
    proven: true,
    suggestions: [],
  });
  const limits = { email: 2, phone: 1, device: 2 };
  expect(recognise(evidence({ identifiers }), policy({ limits }))).toMatchObject({ customer_id: 'a' });
  const device = { linked_customers: 3, customer_ids: ['a'] };
  expect(recognise(evidence({ device }), policy()).suggestions).toEqual([]);
});

test('a device suggests its customers, or by policy attaches to the most recent one, never as proven', () => {
  const device = { linked_customers: 2, customer_ids: ['new', 'old'] };
  expect(recognise(evidence({ device }), policy())).toEqual({
    rule: 'none',
    proven: true,
    suggestions: [
      { customer_id: 'new', score: 0.3, evidence: ['device'] },
      { customer_id: 'old', score: 0.3, evidence: ['device'] },
    ],
  });
  expect(recognise(evidence({ device }), policy({ deviceMatch: 'attach' }))).toEqual({
    customer_id: 'new',
    rule: 'device',
    proven: false,
    suggestions: [],
  });
});

test('an unknown customer id means a new customer; other matches become suggestions', () => {
  const identifiers = [match('a'), match('b', { type: 'phone_number', is_verified: false })];
  expect(recogniseNewCustomer(evidence({ identifiers }), policy())).toEqual({
    rule: 'none',
    proven: true,
    suggestions: [
      { customer_id: 'a', score: 0.9, evidence: ['email'] },
      { customer_id: 'b', score: 0.6, evidence: ['phone_number'] },
    ],
  });
});

test.each([
  ['NEW', 'VIP', 'VIP'],
  ['VIP', 'NEW', 'VIP'],
  ['SUBSCRIBER', 'VIP', 'VIP'],
  ['NEW', 'TRIAL_7', 'TRIAL_7'],
  ['SUBSCRIBER', 'TRIAL_7', 'SUBSCRIBER'],
])('a customer in segment %s onboarded with %s ends up in %s', (current, wanted, expected) => {
  expect(upgradedSegment(current, wanted)).toBe(expected);
});
