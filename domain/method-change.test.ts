import { describe, expect, test } from 'vitest';
import {
  type ChangeableMethod,
  shouldDetach,
  type MethodChange,
  planChange,
  readMethodChange,
} from './method-change.ts';
import { NETWORK_REVOCATION } from './wallet.ts';

const NOW = Date.parse('2026-05-15T12:00:00Z');
const DATE = { expiry_month: 5, expiry_year: 2030 };

const method = (change: Partial<ChangeableMethod> = {}): ChangeableMethod => ({
  payment_method_id: 'pm-1',
  type: 'card',
  status: 'active',
  proven: true,
  consent_source: null,
  ...change,
});
const plan = (change: MethodChange, of = method(), source = 'customer') =>
  planChange(of, change, { source, now: NOW });

describe('a planned change', () => {
  test.each<[string, MethodChange, object]>([
    ['sets a date at the gateway', DATE, { expiry: '2030-05' }],
    ['gives consent alone immediately', { off_session_consent: true }, { consent_now: true }],
    ['withdraws consent alone immediately', { off_session_consent: false }, { consent_now: false }],
    [
      'gives consent together with a date only after the date',
      { ...DATE, off_session_consent: true },
      { expiry: '2030-05', consent_afterwards: true },
    ],
    [
      'withdraws consent together with a date immediately',
      { ...DATE, off_session_consent: false },
      { expiry: '2030-05', consent_now: false },
    ],
  ])('%s', (_, change, expected) => {
    expect(plan(change)).toEqual(expected);
  });

  test.each([
    ['a date in the past', { expiry_month: 4, expiry_year: 2026 }, method(), 'invalid_argument'],
    ['a bank account', DATE, method({ type: 'bank_account' }), 'invalid_argument'],
    ['a method that is being verified', DATE, method({ status: 'unverified' }), 'illegal_transition'],
    [
      'consent for an unproven method',
      { off_session_consent: true },
      method({ proven: false }),
      'illegal_transition',
    ],
    [
      'consent with a date for an unproven method',
      { ...DATE, off_session_consent: true },
      method({ proven: false }),
      'illegal_transition',
    ],
  ] as const)('is refused for %s', (_, change, of, type) => {
    expect(() => plan(change, of)).toThrow(expect.objectContaining({ type }));
  });

  test('accepts the current month, through which the card is valid', () => {
    expect(plan({ expiry_month: 5, expiry_year: 2026 })).toEqual({ expiry: '2026-05' });
  });

  test('consent revoked by the network is given again only by the customer, and withdrawn by any source', () => {
    const revoked = method({ consent_source: NETWORK_REVOCATION });
    expect(plan({ off_session_consent: true }, revoked)).toEqual({ consent_now: true });
    expect(() => plan({ off_session_consent: true }, revoked, 'service')).toThrow(/revoked/);
    expect(plan({ off_session_consent: false }, revoked, 'service')).toEqual({ consent_now: false });
  });
});

describe('reading a change', () => {
  test.each([
    [{}, ['']],
    [{ expiry_month: 5 }, ['expiry_year']],
    [{ expiry_month: 13, expiry_year: 2030 }, ['expiry_month']],
    [{ off_session_consent: 'yes' }, ['off_session_consent']],
  ])('%j is refused at %j', (input, fields) => {
    const read = readMethodChange(input);
    expect(read.ok ? [] : read.problems.map(({ field }) => field)).toEqual(fields);
  });

  test('null means no change', () => {
    expect(readMethodChange({ off_session_consent: true, expiry_month: null })).toEqual({
      ok: true,
      value: { off_session_consent: true },
    });
  });
});

describe('shouldDetach', () => {
  const removed = { removed_at: '2026-05-15T11:00:00Z' };
  const owner = { gateway_customer_ref: 'cus_1' };
  test.each([
    [
      'a removed method that is the customer’s at the gateway',
      removed,
      owner,
      { gateway_customer_ref: 'cus_1' },
      true,
    ],
    [
      'not a method that was added again meanwhile',
      { removed_at: null },
      owner,
      { gateway_customer_ref: 'cus_1' },
      false,
    ],
    ['not a method that another system detached', removed, owner, {}, false],
    ['not a method of another customer', removed, owner, { gateway_customer_ref: 'cus_2' }, false],
    ['not a method unknown at the gateway', removed, owner, undefined, false],
    [
      'not a method of a customer without a gateway reference',
      removed,
      {},
      { gateway_customer_ref: 'cus_1' },
      false,
    ],
    ['not a method that was never in the graph', undefined, owner, { gateway_customer_ref: 'cus_1' }, false],
  ])('%s', (_, known, whose, found, expected) => {
    expect(shouldDetach(known, whose, found)).toBe(expected);
  });
});
