import { expect, test } from 'vitest';
import { isMet, median, quantile, ratios } from './result.ts';

test('the median is the middle value, or the mean of the two in the middle', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([1, 2, 4, 100])).toBe(3);
  expect(median([7])).toBe(7);
});

test('a quantile is one of the measured values', () => {
  const values = Array.from({ length: 200 }, (_, n) => 200 - n);
  expect(quantile(values, 0.99)).toBe(198);
  expect(quantile(values, 0.5)).toBe(100);
  expect(quantile([3], 0.99)).toBe(3);
});

test('ratios are calculated for each repetition', () => {
  // Both sides were half as fast in the second repetition, which does not affect the ratio.
  expect(ratios({ persona: [80, 40], bare: [100, 50] })).toEqual([0.8, 0.8]);
  expect(() => ratios({ persona: [1, 2], bare: [1] })).toThrow();
});

test('a goal is met at exactly its value', () => {
  const measured = { what: 'w', unit: 'u', persona: [85], bare: [100] };
  expect(isMet({ ...measured, goal: { atLeast: 0.85 } })).toBe(true);
  expect(isMet({ ...measured, goal: { atLeast: 0.86 } })).toBe(false);
  expect(isMet({ ...measured, goal: { atMost: 0.85 } })).toBe(true);
  expect(isMet({ ...measured, goal: { atMost: 0.84 } })).toBe(false);
  expect(isMet(measured)).toBeUndefined();
});
