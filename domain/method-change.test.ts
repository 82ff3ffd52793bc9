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

describe('what is done when', () => {
  test.each<[string, MethodChange, object]>([
    ['a date is asked of the gateway', DATE, { expiry: '2030-05' }],
    ['consent alone counts at once', { off_session_consent: true }, { consent_now: true }],
    ['consent alone ends at once', { off_session_consent: false }, { consent_now: false }],
    [
      'consent given with a date waits for it',
      { ...DATE, off_session_consent: true },
      { expiry: '2030-05', consent_afterwards: true },
    ],
    [
      'consent withdrawn with a date waits for nothing',
      { ...DATE, off_session_consent: false },
      { expiry: '2030-05', consent_now: false },
    ],
  ])('%s', (_, change, expected) => {
    expect(plan(change)).toEqual(expected);
  });

  test.each([
    ['a date that is over', { expiry_month: 4, expiry_year: 2026 }, method(), 'invalid_argument'],
    ['a bank account', DATE, method({ type: 'bank_account' }), 'invalid_argument'],
    ['one that is being verified', DATE, method({ status: 'unverified' }), 'illegal_transition'],
    ['an unproven one', { off_session_consent: true }, method({ proven: false }), 'illegal_transition'],
    [
      'an unproven one with a date',
      { ...DATE, off_session_consent: true },
      method({ proven: false }),
      'illegal_transition',
    ],
  ] as const)('refused: %s', (_, change, of, type) => {
    expect(() => plan(change, of)).toThrow(expect.objectContaining({ type }));
  });

  test('the card is good through the month that it names', () => {
    expect(plan({ expiry_month: 5, expiry_year: 2026 })).toEqual({ expiry: '2026-05' });
  });

  test('what the network withdrew only the customer gives again, and anybody may take', () => {
    const revoked = method({ consent_source: NETWORK_REVOCATION });
    expect(plan({ off_session_consent: true }, revoked)).toEqual({ consent_now: true });
    expect(() => plan({ off_session_consent: true }, revoked, 'service')).toThrow(/revoked/);
    expect(plan({ off_session_consent: false }, revoked, 'service')).toEqual({ consent_now: false });
  });
});

describe('reading', () => {
  test.each([
    [{}, ['']],
    [{ expiry_month: 5 }, ['expiry_year']],
    [{ expiry_month: 13, expiry_year: 2030 }, ['expiry_month']],
    [{ off_session_consent: 'yes' }, ['off_session_consent']],
  ])('%j is refused at %j', (input, fields) => {
    const read = readMethodChange(input);
    expect(read.ok ? [] : read.problems.map(({ field }) => field)).toEqual(fields);
  });

  test('no text is no change', () => {
    expect(readMethodChange({ off_session_consent: true, expiry_month: null })).toEqual({
      ok: true,
      value: { off_session_consent: true },
    });
  });
});

describe('what is detached', () => {
  const removed = { removed_at: '2026-05-15T11:00:00Z' };
  const owner = { gateway_customer_ref: 'cus_1' };
  test.each([
    ['a removed one that is the customer’s there', removed, owner, { gateway_customer_ref: 'cus_1' }, true],
    [
      'not one that came back meanwhile',
      { removed_at: null },
      owner,
      { gateway_customer_ref: 'cus_1' },
      false,
    ],
    ['not one that others detached', removed, owner, {}, false],
    ['not a stranger’s', removed, owner, { gateway_customer_ref: 'cus_2' }, false],
    ['not one that the gateway does not know', removed, owner, undefined, false],
    ['not one of a customer without a reference', removed, {}, { gateway_customer_ref: 'cus_1' }, false],
    ['not one that was never here', undefined, owner, { gateway_customer_ref: 'cus_1' }, false],
  ])('%s', (_, known, whose, found, expected) => {
    expect(shouldDetach(known, whose, found)).toBe(expected);
  });
});
