import { describe, expect, test } from 'vitest';
import { validatePaymentFailed, validatePaymentSettled } from './payment-failed.ts';

const ID = '0198c0de-7000-7000-8000-000000000001';
const failed = {
  event_id: 'evt-1',
  payment_id: 'pay_2026.04-1',
  customer_id: ID,
  payment_method_id: ID,
  amount: 1250,
  currency: 'EUR',
  kind: 'recurring',
  occurred_at: '2026-04-18T10:00:00.000Z',
};
const full = {
  ...failed,
  status: 'declined',
  gateway_payment_ref: 'pi_3Qx',
  network: 'visa',
  network_code: '51',
  network_advice_code: '24',
  code: 'card_declined',
  decline_code: 'insufficient_funds',
  advice_code: 'try_again_later',
  reason: 'Insufficient funds',
  description: 'Persona Plus, April – „monatlich“',
};
const settled = {
  event_id: 'evt-2',
  payment_id: 'pay-1',
  customer_id: ID,
  settled_at: '2026-04-18T10:00:00.000Z',
};

function fieldsOf(
  result: ReturnType<typeof validatePaymentFailed | typeof validatePaymentSettled>,
): string[] {
  return result.ok ? [] : result.problems.map(({ field }) => field);
}

describe('a PaymentFailed', () => {
  test('with every field, and with only the required ones, is accepted unchanged', () => {
    expect(validatePaymentFailed(full)).toEqual({ ok: true, message: full });
    const least = validatePaymentFailed(failed);
    expect(least).toEqual({ ok: true, message: failed });
    expect(least.ok && Object.keys(least.message)).toEqual(Object.keys(failed));
  });

  test('is normalised', () => {
    const sent = {
      ...full,
      customer_id: ID.toUpperCase(),
      currency: 'eur',
      occurred_at: '2026-04-18t12:00:00+02:00',
      network: null,
      reason: '',
      hint: 'an unknown field',
    };
    const message: Partial<typeof full> = { ...full };
    delete message.network;
    delete message.reason;
    expect(validatePaymentFailed(sent)).toEqual({ ok: true, message });
  });

  test('is refused with all its problems', () => {
    const result = validatePaymentFailed({
      event_id: 'x'.repeat(129),
      payment_id: 'a b',
      customer_id: 'not-a-uuid',
      amount: 0,
      currency: 'EURO',
      kind: 'weekly',
      occurred_at: 'yesterday',
      status: 'lost',
      network: 'elo',
      network_code: 51,
      description: 'x'.repeat(201),
    });
    expect(result).toMatchObject({ ok: false, type: 'invalid_argument' });
    expect(fieldsOf(result)).toEqual([
      'event_id',
      'payment_id',
      'customer_id',
      'payment_method_id',
      'amount',
      'currency',
      'kind',
      'occurred_at',
      'status',
      'network',
      'network_code',
      'description',
    ]);
  });

  test.each(Object.keys(failed))('requires %s', (field) => {
    for (const missing of [undefined, null, '']) {
      const result = validatePaymentFailed({ ...failed, [field]: missing });
      expect(result).toMatchObject({ ok: false, problems: [{ field, message: 'is required' }] });
    }
  });

  test.each([
    ['amount', -1],
    ['amount', 12.5],
    ['amount', '1250'],
    ['amount', Number.MAX_SAFE_INTEGER + 1],
    ['amount', Number.NaN],
    ['currency', 'EU'],
    ['currency', 'XXX'],
    ['currency', 978],
    ['payment_id', 'ü'],
    ['payment_id', 'a/b'],
    ['payment_id', 'x'.repeat(129)],
    ['payment_id', 'a\n'],
    ['event_id', 'a\u0000b'],
    ['customer_id', `${ID}0`],
    ['payment_method_id', 'pm_1'],
    ['kind', 'RECURRING'],
    ['kind', 'constructor'],
    ['occurred_at', '2026-04-18'],
    ['occurred_at', '2026-04-18T10:00:00'],
    ['occurred_at', '2026-02-30T10:00:00Z'],
    ['occurred_at', '2026-13-01T10:00:00Z'],
    ['occurred_at', '2026-04-18T24:00:00Z'],
    ['occurred_at', '2026-04-18T10:00:00+24:00'],
    ['occurred_at', 1_776_506_400_000],
    ['network', 'Visa'],
    ['decline_code', 'x'.repeat(65)],
    ['reason', { text: 'no' }],
    ['reason', 'x'.repeat(1001)],
    ['description', 'two\nlines'],
  ])('refuses %s %j', (field, value) => {
    expect(fieldsOf(validatePaymentFailed({ ...full, [field]: value }))).toEqual([field]);
  });

  test.each([
    ['payment_id', 'x'.repeat(128)],
    ['event_id', 'evt with spaces / and ümläuts'],
    ['amount', Number.MAX_SAFE_INTEGER],
    ['occurred_at', '2028-02-29T23:59:59.999Z'],
    ['description', '😀'.repeat(200)],
  ])('accepts %s %j', (field, value) => {
    expect(validatePaymentFailed({ ...full, [field]: value })).toMatchObject({
      ok: true,
      message: { [field]: value },
    });
  });

  test.each([[null], [undefined], ['text'], [42], [[failed]]])('refuses %j', (input) => {
    expect(validatePaymentFailed(input)).toMatchObject({
      ok: false,
      problems: [{ message: 'must be an object' }],
    });
  });

  test('refuses nesting that would overflow a serialiser', () => {
    let nested: unknown = {};
    for (let depth = 0; depth < 20_000; depth += 1) nested = { nested };
    expect(validatePaymentFailed({ ...full, nested })).toMatchObject({ ok: false, type: 'invalid_argument' });
  });
});

describe('a card number', () => {
  test.each(['reason', 'description', 'decline_code', 'nobody_reads_this'])('in %s is refused', (field) => {
    const result = validatePaymentFailed({ ...full, [field]: 'card 4242 4242 4242 4242' });
    expect(result).toMatchObject({ ok: false, type: 'card_number_refused', problems: [{ field }] });
    expect(JSON.stringify(result)).not.toContain('4242');
  });

  test('does not hide the other problems', () => {
    const result = validatePaymentFailed({ ...full, amount: -1, reason: '4242424242424242' });
    expect(fieldsOf(result)).toEqual(['reason', 'amount']);
  });

  test('is not searched for in ids', () => {
    const result = validatePaymentFailed({
      ...full,
      payment_id: '4242424242424242',
      event_id: '5555555555554444',
    });
    expect(result.ok).toBe(true);
  });
});

describe('a PaymentSettled', () => {
  test('is accepted with and without its reference', () => {
    expect(validatePaymentSettled(settled)).toEqual({ ok: true, message: settled });
    const named = { ...settled, gateway_payment_ref: 'pi_1' };
    expect(validatePaymentSettled(named)).toEqual({ ok: true, message: named });
  });

  test('is refused with all its problems', () => {
    expect(fieldsOf(validatePaymentSettled({ gateway_payment_ref: 7 }))).toEqual([
      'event_id',
      'payment_id',
      'customer_id',
      'settled_at',
      'gateway_payment_ref',
    ]);
  });

  test('with a card number is refused', () => {
    expect(validatePaymentSettled({ ...settled, note: '4242-4242-4242-4242' })).toMatchObject({
      ok: false,
      type: 'card_number_refused',
    });
  });
});
