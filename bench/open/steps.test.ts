import { expect, test } from 'vitest';
import { inSteps } from './steps.ts';

test('steps contain every item once, in order', () => {
  const all = Array.from({ length: 11 }, (_, n) => n);
  expect(inSteps(all, 3)).toEqual([
    [0, 1, 2],
    [3, 4, 5],
    [6, 7, 8, 9, 10],
  ]);
  expect(inSteps(all, 4).flat()).toEqual(all);
});
