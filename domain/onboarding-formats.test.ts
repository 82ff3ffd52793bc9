import { expect, test } from 'vitest';
import { readPolicy } from '../platform/policy.ts';
import { validateOnboarding } from './onboarding.ts';
import { formatRules } from './onboarding-formats.ts';
import type { Policy } from './policy.ts';

const policy = readPolicy();
const minimal = { transaction_id: 'txn-1', occurred_at: '2026-04-18T10:00:00.000Z' };
const address = { street1: '1 Main St', city: 'Köln', zip_code: '50667', type: 'shipping' };
const phone = '0151 12345678';

function problemsOf(input: object, rules = formatRules(policy)): string[] {
  const result = validateOnboarding({ ...minimal, ...input }, rules);
  return result.ok ? [] : result.problems.map(({ field }) => field).sort();
}
const inRegion = (phoneRegion: string): Policy => ({
  ...policy,
  onboarding: { ...policy.onboarding, phoneRegion },
});

test('shape problems and format problems are reported together, each by its field', () => {
  expect(
    problemsOf({
      customer_id: 'x',
      customer_metadata: { ltv: '12.345' },
      payment_method_details: { type: 'card' },
      address_details: { ...address, country: 'XX' },
      digital_identifiers: [
        { type: 'email', value: 'anna@-example.com' },
        { phone: '+999 123456789' },
        { type: 'email', value: 'nobody' },
      ],
      phone: '12345',
    }),
  ).toEqual([
    'address_details.country',
    'customer_id',
    'customer_metadata.ltv',
    'digital_identifiers[0].value',
    'digital_identifiers[1].phone',
    'digital_identifiers[2].value',
    'payment_method_details.token',
    'phone',
  ]);
});

test.each<[string, object, Policy, string[]]>([
  ['takes its country from the address', { address_details: { ...address, country: 'DE' } }, policy, []],
  ['takes its country from the policy', {}, inRegion('DE'), []],
  ['is refused without any country', {}, policy, ['phone']],
  [
    'is read with the country of the address rather than that of the policy',
    { address_details: { ...address, country: 'US' } },
    inRegion('DE'),
    ['phone'],
  ],
])('a phone number without a country code %s', (_, change, changed, expected) => {
  expect(problemsOf({ phone, ...change }, formatRules(changed))).toEqual(expected);
});

test('without a policy, only what is invalid under every policy is a problem', () => {
  const unverifiable = { phone, customer_metadata: { ltv: '12.345' } };
  expect(problemsOf(unverifiable, formatRules())).toEqual([]);
  expect(problemsOf({ ...unverifiable, email: 'anna@-example.com' }, formatRules())).toEqual(['email']);
});

test('a value blocked by the policy is not a problem', () => {
  expect(problemsOf({ email: 'test@-', digital_identifiers: [{ phone: '+49000000000' }] })).toEqual([
    'email',
  ]);
  expect(problemsOf({ email: 'noreply@-x.example', phone: '+49000000000' })).toEqual([]);
});
