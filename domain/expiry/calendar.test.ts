import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expiresOn, isExpired } from '../payment-method.ts';
import { startOfDay, daysLeft, horizon, isNewStage, noticeKey, stageOf, today } from './calendar.ts';
import { dueStage, qualifiesForNotice, type ScannedCard } from './candidates.ts';

const STAGES = [60, 30];
const at = Date.parse;
/** The middle of that day in UTC−12. */
const on = (day: string) => startOfDay(day) + 12 * 3_600_000;

test.each([
  // The last millisecond of the day in UTC−12, and the next one.
  ['2026-11-30', '2026-12-01T11:59:59.999Z', 0],
  ['2026-11-30', '2026-12-01T12:00:00.000Z', -1],
  // Already the next day in Kiritimati (UTC+14), still the previous one on Baker Island (UTC−12).
  ['2026-11-30', '2026-11-30T10:00:00+14:00', 1],
  ['2026-11-30', '2026-11-30T23:59:59-12:00', 0],
  ['2026-11-30', '2026-12-01T00:00:00-12:00', -1],
  // Leap years, and a century that is not one.
  ['2028-02-29', '2028-02-28T12:00:00Z', 1],
  ['2027-02-28', '2027-03-01T12:00:00Z', -1],
  ['2100-02-28', '2100-02-27T12:00:00Z', 1],
  // Across the turn of the year, and across a daylight saving change.
  ['2027-01-31', '2026-12-31T12:00:00Z', 31],
  ['2026-12-31', '2027-01-01T11:00:00Z', 0],
  ['2026-03-31', '2026-03-01T12:00:00Z', 30],
])('a card that expires on %s has, at %s, %d days left', (end, now, left) => {
  expect(daysLeft(end, at(now))).toBe(left);
});

test.each([
  [62, undefined],
  [61, undefined],
  [60, 'notice_60'],
  [31, 'notice_60'],
  [30, 'notice_30'],
  [20, 'notice_30'],
  [0, 'notice_30'],
  [-1, 'card_expired'],
  [-400, 'card_expired'],
])('with %d days left the stage is %s', (left, stage) => {
  const end = expiresOn(12, 2027);
  const now = on('2027-12-31') - left * 86_400_000;
  expect(daysLeft(end, now)).toBe(left);
  expect(stageOf(end, now, STAGES)).toBe(stage);
  // Regardless of the order in the policy.
  expect(stageOf(end, now, STAGES.toReversed())).toBe(stage);
});

describe('for any card at any moment', () => {
  const card = fc.record({
    month: fc.integer({ min: 1, max: 12 }),
    year: fc.integer({ min: 2000, max: 2199 }),
  });
  const offset = fc.integer({ min: -100 * 86_400_000, max: 100 * 86_400_000 });

  test('the monitor and isExpired agree on when it has expired', () => {
    fc.assert(
      fc.property(card, offset, ({ month, year }, ms) => {
        const end = expiresOn(month, year);
        const now = at(end) + ms;
        expect(stageOf(end, now, STAGES) === 'card_expired').toBe(isExpired(end, now));
      }),
    );
  });

  test('it has reached a stage exactly when its last day is within the horizon', () => {
    fc.assert(
      fc.property(card, offset, ({ month, year }, ms) => {
        const end = expiresOn(month, year);
        const now = at(end) + ms;
        expect(stageOf(end, now, STAGES) !== undefined).toBe(end <= horizon(now, STAGES));
      }),
    );
  });

  /** The notices that a customer gets from runs at these times, in any order. */
  const noticesOf = (end: string, runs: readonly number[]) => {
    let noticed: string | null = null;
    const sent: string[] = [];
    for (const now of runs) {
      const stage = stageOf(end, now, STAGES);
      if (stage === undefined || !isNewStage(end, stage, noticed)) continue;
      sent.push(stage);
      noticed = noticeKey(end, stage);
    }
    return sent;
  };

  test('duplicate, skipped or late runs, or a clock set back, send each stage at most once', () => {
    fc.assert(
      fc.property(card, fc.array(offset, { maxLength: 40 }), ({ month, year }, moments) => {
        const end = expiresOn(month, year);
        const sent = noticesOf(
          end,
          moments.map((ms) => at(end) + ms),
        );
        expect(new Set(sent).size).toBe(sent.length);
        expect(sent).toEqual(['notice_60', 'notice_30', 'card_expired'].filter((one) => sent.includes(one)));
      }),
    );
  });

  test('daily runs send both notices and process the expiry', () => {
    fc.assert(
      fc.property(card, fc.integer({ min: 0, max: 86_399_999 }), ({ month, year }, time) => {
        const end = expiresOn(month, year);
        const days = Array.from(
          { length: 80 },
          (_, day) => on(end) - (70 - day) * 86_400_000 + time - 43_200_000,
        );
        expect(noticesOf(end, days)).toEqual(['notice_60', 'notice_30', 'card_expired']);
      }),
    );
  });
});

test('a card added with twenty days left gets one notice, and so does a card after an outage of some days', () => {
  const end = '2026-12-31';
  expect(stageOf(end, on('2026-12-11'), STAGES)).toBe('notice_30');
  expect(isNewStage(end, 'notice_30', null)).toBe(true);
  expect(isNewStage(end, 'notice_30', '2026-12:notice_30')).toBe(false);
  expect(isNewStage(end, 'notice_60', '2026-12:notice_30')).toBe(false);
  expect(isNewStage(end, 'notice_30', '2026-12:notice_60')).toBe(true);
});

test('a renewed card gets its own notices years later', () => {
  expect(isNewStage('2029-12-31', 'notice_60', '2026-12:notice_30')).toBe(true);
  expect(isNewStage('2029-12-31', 'card_expired', '2026-12:card_expired')).toBe(true);
});

test('the date changes at noon UTC, when the previous day ends everywhere on earth', () => {
  expect(today(at('2027-01-01T11:59:59.999Z'))).toBe('2026-12-31');
  expect(today(at('2027-01-01T12:00:00Z'))).toBe('2027-01-01');
  expect(today(startOfDay('2028-02-29'))).toBe('2028-02-29');
  expect(today(startOfDay('2028-02-29') - 1)).toBe('2028-02-28');
});

test('without stages no customer is notified in advance, and cards still expire', () => {
  expect(horizon(on('2026-11-22'), [])).toBe('2026-11-22');
  expect(stageOf('2026-11-30', on('2026-11-22'), [])).toBeUndefined();
  expect(stageOf('2026-10-31', on('2026-11-22'), [])).toBe('card_expired');
});

test('a card qualifies for a notice if it is the default or was used often and recently', () => {
  const scan = { now: at('2026-11-22T12:30:00Z'), stages: STAGES, frequent_use_count: 3 };
  const recentUse = '2026-08-24T12:30:00.000Z';
  const card = { proven: true, is_default: false, use_count: 3, last_used: recentUse };
  expect(qualifiesForNotice(card, scan)).toBe(true);
  expect(qualifiesForNotice({ ...card, last_used: '2026-08-24T12:29:59.999Z' }, scan)).toBe(false);
  expect(qualifiesForNotice({ ...card, use_count: 2 }, scan)).toBe(false);
  expect(
    qualifiesForNotice(
      { ...card, use_count: 1, is_default: true, last_used: '2019-01-01T00:00:00.000Z' },
      scan,
    ),
  ).toBe(true);
  expect(qualifiesForNotice({ ...card, is_default: true, proven: false }, scan)).toBe(false);
});

describe('the due stage of a card', () => {
  const scan = { now: on('2026-12-11'), stages: STAGES, frequent_use_count: 3 };
  const card = { expires_on: '2026-12-31', customer_status: 'active', qualifies: true, noticed: null };
  test.each<[string, Partial<ScannedCard>, string | undefined]>([
    ['that is the default', {}, 'notice_30'],
    ['with a notice of this stage', { noticed: '2026-12:notice_30' }, undefined],
    ['with a notice of the stage before', { noticed: '2026-12:notice_60' }, 'notice_30'],
    ['that does not qualify', { qualifies: false }, undefined],
    ['of a suspended customer', { customer_status: 'suspended' }, undefined],
    ['of an erased customer', { customer_status: 'erased' }, undefined],
    ['that belongs to no customer any more', { customer_status: null, qualifies: null }, undefined],
    ['that has expired and does not qualify', { expires_on: '2026-11-30', qualifies: false }, 'card_expired'],
    [
      'that has expired, of a suspended customer',
      { expires_on: '2026-11-30', customer_status: 'suspended' },
      'card_expired',
    ],
    [
      'that has expired, of an erased customer',
      { expires_on: '2026-11-30', customer_status: 'erased' },
      undefined,
    ],
    ['that is valid for months', { expires_on: '2027-03-31' }, undefined],
  ])('%s', (_, change, stage) => {
    expect(dueStage({ ...card, ...change }, scan)).toBe(stage);
  });
});
