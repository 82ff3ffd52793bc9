import { expect, test } from 'vitest';
import { isTrusted } from './trust.ts';

const DAY = 86_400_000;
const NOW = Date.parse('2026-06-15T00:00:00Z');
const ago = (days: number) => new Date(NOW - days * DAY).toISOString();
const trust = { initial: 0.5, threshold: 0.7, halfLife: 30 * DAY };
const device = (trust_score: number, days?: number) => ({
  trust_score,
  ...(days !== undefined && { trust_observed_at: ago(days) }),
});

test.each([
  ['an observation made now counts in full', 0.7, 0, true],
  ['0.9 has decayed to 0.7 after a half-life', 0.9, 30, true],
  ['0.9 has decayed below 0.7 a day later', 0.9, 31, false],
  ['0.8 has decayed to 0.65 after a half-life', 0.8, 30, false],
  ['a low score recovers only to the initial score', 0, 3_000, false],
  ['an observation from a clock that is ahead counts as one made now', 0.7, -3, true],
  ['a device that was never observed does not decay', 0.7, undefined, true],
])('with a half-life of 30 days: %s', (_, score, days, trusted) => {
  expect(isTrusted(device(score, days), trust, NOW)).toBe(trusted);
});

test('a distrusted device becomes trusted again where new devices are trusted', () => {
  const generous = { ...trust, initial: 0.8 };
  expect(isTrusted(device(0.2, 10), generous, NOW)).toBe(false);
  expect(isTrusted(device(0.2, 90), generous, NOW)).toBe(true);
});

test('without a half-life the age of an observation has no effect', () => {
  const { halfLife: _, ...lasting } = trust;
  expect(isTrusted(device(0.7, 3_000), lasting, NOW)).toBe(true);
  expect(isTrusted(device(0.69, 0), lasting, NOW)).toBe(false);
});
