import { expect, test } from 'vitest';
import { parseDuration } from './duration.ts';

test.each([
  ['14 d', 1_209_600_000],
  ['2s', 2_000],
  ['1.5 hours', 5_400_000],
  ['90 minutes', 5_400_000],
  ['1 w', 604_800_000],
  ['250', 250],
  ['0', 0],
  ['250ms', 250],
  ['P14D', 1_209_600_000],
  ['P1W', 604_800_000],
  ['PT1H30M', 5_400_000],
  ['P1DT0.5S', 86_400_500],
  ['PT0S', 0],
])('%s is %i ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(['', 'P', 'PT', 'P1DT', 'P1M', 'P1Y', '-1 d', '14 days ago', '5 x', 'soon'])(
  '%j is not a duration',
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);
