import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { NextAttempt, PastAttempt } from './ceilings.ts';
import { ceilingReached, isPermanentlyForbidden, isTokenOnly, notBefore } from './ceilings.ts';
import { classify } from './classify.ts';
import type { DeclineCodes } from './codes.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Date.parse('2026-06-01T12:00:00Z');

const next = (network: string | undefined, more: Partial<NextAttempt> = {}): NextAttempt => ({
  payment_id: 'payment-1',
  at: NOW,
  network,
  amount: 1250,
  currency: 'EUR',
  ...more,
});

/** A decline `agoMs` before `NOW`, as the graph would store it. */
function declined(agoMs: number, codes: DeclineCodes, more: Partial<PastAttempt> = {}): PastAttempt {
  const { rule, code, cardDead } = classify(codes, {}, NOW - agoMs);
  const money = { amount: 1250, currency: 'EUR' };
  return {
    payment_id: 'payment-1',
    at: NOW - agoMs,
    state: 'declined',
    rule,
    code,
    card_dead: cardDead,
    ...money,
    network: codes.network,
    ...more,
  };
}

const soft = (network: string, agoMs: number, more: Partial<PastAttempt> = {}) =>
  declined(agoMs, { network, network_code: '51' }, more);
const times = <T>(n: number, make: (at: number) => T): T[] => Array.from({ length: n }, (_, at) => make(at));

describe('permanently forbidden cards', () => {
  test.each([
    [{ network: 'visa', network_code: '14' }, 'visa:14'],
    [{ network: 'visa', network_code: '43' }, 'visa:43'],
    [{ network: 'visa', network_code: 'R1' }, 'visa:R1'],
    [{ network: 'visa', network_code: 'R3' }, 'visa:R3'],
    [{ network: 'visa', decline_code: 'stolen_card' }, 'stripe:stolen_card'],
    [{ network: 'mastercard', network_advice_code: '21' }, 'mac:21'],
    [{ network: 'mastercard', network_code: '51', network_advice_code: '03' }, 'mac:03'],
    [{ network: 'mastercard', network_code: '54', network_advice_code: '03' }, 'mac:03'],
    [{ network: 'mastercard', network_code: '54', network_advice_code: '99' }, 'mac:99'],
    [{ decline_code: 'expired_card', advice_code: 'do_not_try_again' }, 'advice:do_not_try_again'],
    // The issuer knows that the card is dead: on every network, and with an unknown one.
    [{ network: 'mastercard', network_code: '14' }, 'mastercard:14'],
    [{ network: 'amex', network_code: '43' }, 'amex:43'],
    [{ network: 'ach', network_code: 'R02' }, 'ach:R02'],
    [{ decline_code: 'lost_card' }, 'stripe:lost_card'],
    [{ reason: 'Stolen Card' }, 'text:stolen_card'],
  ] satisfies [DeclineCodes, string][])(
    '%j forbids the card years later, despite an approval since',
    (codes: DeclineCodes, rule) => {
      const history = [
        declined(2000 * DAY, codes),
        { ...soft('visa', 1000 * DAY), state: 'approved' as const, rule: undefined },
      ];
      expect(ceilingReached(history, next(codes.network))).toEqual({ rule: `never_again:${rule}` });
      expect(isPermanentlyForbidden(history)).toBe(true);
    },
  );

  test.each([
    [{ network: 'visa', network_code: 'R0' }],
    [{ network: 'visa', decline_code: 'stop_payment_order' }],
    [{ network: 'visa', network_code: '54' }],
    [{ network: 'mastercard', network_code: '57' }],
    [{ code: 'resource_missing' }],
    [{ network: 'mastercard', network_code: '51', network_advice_code: '24' }],
    // Visa's own code has the category, not the gateway's translation of it.
    [{ network: 'visa', network_code: '05', decline_code: 'transaction_not_allowed' }],
    [{ network: 'visa', network_code: '58', decline_code: 'transaction_not_allowed' }],
    [{ network: 'visa', network_code: 'XX', decline_code: 'transaction_not_allowed' }],
    // Only Mastercard has Merchant Advice Codes.
    [{ network: 'visa', network_code: '51', network_advice_code: '03' }],
    // Declined before 25 October 2026.
    [{ network: 'visa', network_code: '83' }],
    [{ decline_code: 'fraudulent' }],
    [{ reason: 'Hard Decline' }],
  ] satisfies [DeclineCodes][])('%j does not forbid the card', (codes: DeclineCodes) => {
    expect(ceilingReached([declined(DAY, codes)], next(codes.network))).toBeUndefined();
    expect(isPermanentlyForbidden([declined(DAY, codes)])).toBe(false);
  });

  test('an attempt that was never sent forbids nothing', () => {
    for (const network of ['visa', 'mastercard']) {
      const history = [declined(DAY, { network, network_code: '14' }, { state: 'void' })];
      expect(ceilingReached(history, next(network))).toBeUndefined();
      expect(isPermanentlyForbidden(history)).toBe(false);
    }
  });
});

test('a token unknown at the gateway says nothing about its card', () => {
  expect(isTokenOnly(declined(DAY, { code: 'resource_missing' }))).toBe(true);
  expect(isTokenOnly(declined(DAY, { network: 'visa', network_code: '57' }))).toBe(false);
});

describe('visa: reattempts in 30 days', () => {
  test.each([
    ['2026-06-01T00:00:00Z', 20],
    ['2026-04-18T00:00:00Z', 20],
    ['2026-04-17T23:59:59Z', 15],
  ])('at %s at most %i reattempts are allowed', (at, limit) => {
    const now = Date.parse(at);
    const history = (n: number) => times(n, (i) => soft('visa', NOW - now + (n - i) * HOUR));
    const first = now - (limit + 1) * HOUR;
    expect(ceilingReached(history(limit), next('visa', { at: now }))).toBeUndefined();
    expect(ceilingReached(history(limit + 1), next('visa', { at: now }))).toEqual({
      rule: 'ceiling:visa_30d',
      // The first attempt is not a reattempt, so the second has to leave the window.
      until: first + HOUR + 30 * DAY,
    });
  });

  test('the window is rolling: exactly at its end the oldest reattempt has left it', () => {
    const history = [
      soft('visa', 40 * DAY),
      soft('visa', 30 * DAY - 1),
      ...times(19, (i) => soft('visa', i * HOUR + 1)),
    ];
    expect(ceilingReached(history, next('visa'))).toEqual({ rule: 'ceiling:visa_30d', until: NOW + 1 });
    expect(ceilingReached(history, next('visa', { at: NOW + 1 }))).toBeUndefined();
  });

  test('an approval changes nothing, an unknown outcome counts, an unsent attempt does not', () => {
    const history = times(20, (i) => soft('visa', (i + 1) * HOUR));
    const approved = { ...soft('visa', HOUR / 2), state: 'approved' as const };
    expect(ceilingReached([...history, approved], next('visa'))).toBeUndefined();
    expect(ceilingReached([...history, soft('visa', 1, { state: 'void' })], next('visa'))).toBeUndefined();
    expect(
      ceilingReached([...history, approved, soft('visa', 1, { state: 'unknown' })], next('visa')),
    ).toMatchObject({ rule: 'ceiling:visa_30d' });
  });
});

describe('mastercard', () => {
  test('allows ten consecutive declines in 24 hours', () => {
    const history = times(10, (i) => soft('mastercard', DAY - 1 - i * HOUR, { amount: i }));
    expect(ceilingReached(history.slice(1), next('mastercard'))).toBeUndefined();
    expect(ceilingReached(history, next('mastercard'))).toEqual({
      rule: 'ceiling:mastercard_24h',
      until: NOW + 1,
    });
    expect(ceilingReached(history, next('mastercard', { at: NOW + 1 }))).toBeUndefined();
  });

  test('restarts the count after an approval', () => {
    const history = times(12, (i) => soft('mastercard', (12 - i) * HOUR, { amount: i }));
    const approved = { ...soft('mastercard', 9 * HOUR + 1), state: 'approved' as const };
    expect(ceilingReached([...history, approved], next('mastercard'))).toBeUndefined();
    expect(ceilingReached(history, next('mastercard'))).toBeDefined();
  });

  test('allows 35 declines of the same amount in 30 days, regardless of approvals', () => {
    const history = times(35, (i) => soft('mastercard', 30 * DAY - 1 - i * 20 * HOUR));
    const approved = { ...soft('mastercard', HOUR), state: 'approved' as const };
    const reached = { rule: 'ceiling:mastercard_same_amount_30d', until: NOW + 1 };
    expect(ceilingReached([...history, approved], next('mastercard'))).toEqual(reached);
    expect(ceilingReached(history.slice(1), next('mastercard'))).toBeUndefined();
    expect(ceilingReached(history, next('mastercard', { amount: 1251 }))).toBeUndefined();
    expect(ceilingReached(history, next('mastercard', { currency: 'USD' }))).toBeUndefined();
    expect(ceilingReached(history, next('mastercard', { at: NOW + 1 }))).toBeUndefined();
  });

  test('returns the ceiling that lasts longer', () => {
    const history = times(35, (i) => soft('mastercard', (i + 1) * HOUR));
    expect(ceilingReached(history, next('mastercard'))).toEqual({
      rule: 'ceiling:mastercard_same_amount_30d',
      until: NOW - 35 * HOUR + 30 * DAY,
    });
  });
});

test.each([
  ['amex', 'ceiling:amex_30d'],
  ['discover', 'ceiling:discover_30d'],
  ['diners', 'ceiling:other_30d'],
  ['jcb', 'ceiling:other_30d'],
  ['unionpay', 'ceiling:other_30d'],
  ['elo', 'ceiling:other_30d'],
  [undefined, 'ceiling:other_30d'],
])('%s: at most 20 declines in 30 days', (network, rule) => {
  const history = times(20, (i) => soft(network ?? 'visa', 30 * DAY - 1 - i * HOUR));
  expect(ceilingReached(history.slice(1), next(network))).toBeUndefined();
  expect(ceilingReached(history, next(network))).toEqual({ rule, until: NOW + 1 });
  expect(ceilingReached(history, next(network, { at: NOW + 1 }))).toBeUndefined();
});

describe('bank debits', () => {
  const returned = (agoMs: number, network_code: string, more: Partial<PastAttempt> = {}) =>
    declined(agoMs, { network: 'ach', network_code }, more);
  const ACH = { rule: 'ceiling:ach_180d' };

  test('ach: at most two reinitiations of one obligation', () => {
    const history = [returned(9 * DAY, 'R01'), returned(5 * DAY, 'R09'), returned(DAY, 'R01')];
    expect(ceilingReached(history.slice(0, 2), next('ach'))).toBeUndefined();
    expect(ceilingReached(history, next('ach'))).toEqual(ACH);
    expect(ceilingReached(history, next('ach', { payment_id: 'payment-2' }))).toBeUndefined();
  });

  test('ach: only within 180 days of the first debit', () => {
    expect(ceilingReached([returned(180 * DAY - 1, 'R01')], next('ach'))).toBeUndefined();
    expect(ceilingReached([returned(180 * DAY, 'R01')], next('ach'))).toEqual(ACH);
  });

  test.each(['R16', 'XX'])('ach: no reinitiation after %s', (code) => {
    expect(ceilingReached([returned(DAY, 'R01'), returned(HOUR, code)], next('ach'))).toEqual(ACH);
  });

  test("ach: the gateway's insufficient_funds counts as R01", () => {
    const history = [declined(DAY, { network: 'ach', decline_code: 'insufficient_funds' })];
    expect(ceilingReached(history, next('ach'))).toBeUndefined();
  });

  test('sepa: at most two declines in 42 days', () => {
    const debit = (agoMs: number) => declined(agoMs, { network: 'sepa', network_code: 'AM04' });
    expect(ceilingReached([debit(DAY)], next('sepa'))).toBeUndefined();
    expect(ceilingReached([debit(42 * DAY - 1), debit(DAY)], next('sepa'))).toEqual({
      rule: 'ceiling:sepa_42d',
      until: NOW + 1,
    });
    expect(ceilingReached([debit(42 * DAY), debit(DAY)], next('sepa'))).toBeUndefined();
  });
});

describe("the issuer's advice", () => {
  const advised = (agoMs: number, mac: string) =>
    declined(agoMs, { network: 'mastercard', network_code: '51', network_advice_code: mac });

  test.each([
    ['24', HOUR],
    ['25', DAY],
    ['26', 2 * DAY],
    ['27', 4 * DAY],
    ['28', 6 * DAY],
    ['29', 8 * DAY],
    ['30', 10 * DAY],
  ])('code %s delays by %i ms', (mac, delay) => {
    expect(notBefore([advised(5000, mac)])).toBe(NOW - 5000 + delay);
  });

  test('the latest of several applies', () => {
    expect(notBefore([advised(DAY, '30'), advised(HOUR, '24'), soft('mastercard', 1)])).toBe(NOW + 9 * DAY);
  });

  test('an advice code that determines the class also delays', () => {
    const codes = { network: 'mastercard', network_code: '79', network_advice_code: '24' };
    expect(notBefore([declined(0, codes)])).toBe(NOW + HOUR);
  });

  test('a later approval ends the advice', () => {
    const approved = { ...soft('mastercard', HOUR), state: 'approved' as const };
    expect(notBefore([advised(2 * HOUR, '30'), approved])).toBeUndefined();
    expect(notBefore([advised(HOUR / 2, '24'), approved])).toBe(NOW + HOUR / 2);
  });

  test('there is no delay without advice', () => {
    expect(notBefore([])).toBeUndefined();
    expect(notBefore([soft('visa', 1)])).toBeUndefined();
  });
});

test('a ceiling with an end allows the same attempt exactly then and not a millisecond earlier', () => {
  const history = fc.array(
    fc.record({
      ago: fc.integer({ min: 1, max: 60 * 24 }),
      state: fc.constantFrom('declined', 'declined', 'declined', 'approved', 'void', 'unknown'),
    }),
    { minLength: 5, maxLength: 80 },
  );
  fc.assert(
    fc.property(
      history,
      fc.constantFrom('visa', 'mastercard', 'amex', 'sepa', 'jcb'),
      (attempts, network) => {
        const past = attempts.map(({ ago, state }) =>
          soft(network, ago * HOUR, { state: state as PastAttempt['state'] }),
        );
        const ceiling = ceilingReached(past, next(network));
        if (ceiling?.until === undefined) return;
        expect(ceilingReached(past, next(network, { at: ceiling.until }))).toBeUndefined();
        expect(ceilingReached(past, next(network, { at: ceiling.until - 1 }))).toBeDefined();
        expect(ceilingReached([...past].reverse(), next(network))).toEqual(ceiling);
      },
    ),
  );
});
