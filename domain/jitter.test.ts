import { expect, test } from 'vitest';
import { hashFraction } from './jitter.ts';

test('a name always maps to the same fraction', () => {
  expect(hashFraction('recovery:invoice-1:card:1')).toBe(hashFraction('recovery:invoice-1:card:1'));
  expect(hashFraction('recovery:invoice-1:card:1')).not.toBe(hashFraction('recovery:invoice-1:card:2'));
});

test.each([
  ['names with a counter at the end', (index: number) => `invoice-${index}`],
  ['names with a counter at the start', (index: number) => `${index}:card:1`],
])('%s are distributed evenly', (_, name) => {
  const tenths = Array.from({ length: 10 }, () => 0);
  for (let index = 0; index < 10_000; index++) tenths[Math.floor(hashFraction(name(index)) * 10)]! += 1;
  expect(Math.min(...tenths)).toBeGreaterThan(900);
  expect(Math.max(...tenths)).toBeLessThan(1_100);
});
