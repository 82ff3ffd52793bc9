import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nextPass, type Pass, quotaOf } from './pace.ts';

const DAY = 86_400_000;
const CYCLE = 7 * DAY;
const BEGAN = 1_000 * DAY;

test('a pass is spread over six daily runs, and the seventh starts the next one', () => {
  let pass: Pass = { began_at: BEGAN, after: '', done: 0 };
  const quotas: number[] = [];
  for (let day = 0; day < 6; day++) {
    const quota = quotaOf(pass, 600, CYCLE, BEGAN + day * DAY);
    quotas.push(quota);
    pass = { ...pass, done: pass.done + quota };
  }
  expect(quotas).toEqual([100, 100, 100, 100, 100, Infinity]);
  expect(nextPass(pass, CYCLE, BEGAN + 5 * DAY)).toEqual({ began_at: BEGAN + 6 * DAY, after: '', done: 0 });
});

test('an extra run before the next pass compares nothing, and a run after an outage catches up', () => {
  const next = nextPass({ began_at: BEGAN, after: 'z', done: 600 }, CYCLE, BEGAN + 5 * DAY);
  expect(quotaOf(next, 600, CYCLE, BEGAN + 5 * DAY)).toBe(0);
  expect(quotaOf({ began_at: BEGAN, after: 'a', done: 100 }, 600, CYCLE, BEGAN + 3 * DAY)).toBe(300);
});

test('a cycle of a day compares every wallet each day', () => {
  expect(quotaOf({ began_at: BEGAN, after: '', done: 0 }, 600, DAY, BEGAN)).toBe(Infinity);
});

test('after weeks without a run the next pass starts immediately', () => {
  const late = BEGAN + 30 * DAY;
  expect(nextPass({ began_at: BEGAN, after: '', done: 0 }, CYCLE, late).began_at).toBe(late);
});

test('each wallet is compared within the cycle, for any number of customers and any start time', () => {
  const HOUR = 3_600_000;
  // The schedule starts within the same hour each day.
  const hours = fc.array(fc.integer({ min: 0, max: HOUR }), { minLength: 25, maxLength: 25 });
  const [customers, days] = [fc.integer({ min: 1, max: 50 }), fc.integer({ min: 2, max: 8 })];
  fc.assert(
    fc.property(customers, days, hours, (count, cycleDays, starts) => {
      const cycle = cycleDays * DAY;
      const last = Array.from({ length: count }, () => BEGAN);
      let longest = 0;
      let pass = nextPass(undefined, cycle, BEGAN);
      for (const [day, late] of starts.entries()) {
        const at = BEGAN + day * DAY + late;
        const end = Math.min(count, pass.done + quotaOf(pass, count, cycle, at));
        for (let n = pass.done; n < end; n++) {
          longest = Math.max(longest, at - (last[n] as number));
          last[n] = at;
        }
        pass = end === count ? nextPass(pass, cycle, at) : { ...pass, done: end };
      }
      expect(longest).toBeGreaterThan(0);
      expect(longest).toBeLessThanOrEqual(cycle + 2 * HOUR);
    }),
  );
});
