import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import { createRateLimitedPool } from './rate-limited-pool.ts';

const within = <T>(work: () => Promise<T>) => new MockActivityEnvironment().run(work) as Promise<T>;

test('each item is processed once, and concurrency stays within the limit', async () => {
  const inPool = createRateLimitedPool({ concurrency: 3, perSecond: 100_000 });
  const items = Array.from({ length: 30 }, (_, index) => index);
  const seen: number[] = [];
  let waiting: (() => void)[] = [];
  let most = 0;
  await within(() =>
    inPool(items, async (item) => {
      seen.push(item);
      // Each waits until the limit is reached.
      const together = new Promise<void>((resolve) => waiting.push(resolve));
      most = Math.max(most, waiting.length);
      if (waiting.length === 3) {
        for (const go of waiting) go();
        waiting = [];
      }
      await together;
    }),
  );
  expect(seen.toSorted((a, b) => a - b)).toEqual(items);
  expect(most).toBe(3);
});

test('all calls together stay within the rate limit', async () => {
  const inPool = createRateLimitedPool({ concurrency: 8, perSecond: 200 });
  const began = performance.now();
  await within(async () => {
    await inPool(Array.from({ length: 10 }), async () => {});
    await inPool(Array.from({ length: 11 }), async () => {});
  });
  // The first item starts immediately, so that 21 items take 20 intervals; timers may be a millisecond early.
  expect(performance.now() - began).toBeGreaterThan(95);
});

test('a failure ends the call once the work in progress has ended, and nothing new is started', async () => {
  const inPool = createRateLimitedPool({ concurrency: 2, perSecond: 100_000 });
  let begun = 0;
  let ended = 0;
  const call = within(() =>
    inPool(Array.from({ length: 20 }), async () => {
      begun++;
      if (begun === 1) throw new Error('the graph is unavailable');
      await Promise.resolve();
      ended++;
    }),
  );
  await expect(call).rejects.toThrow('the graph is unavailable');
  expect(ended).toBe(begun - 1);
  expect(begun).toBeLessThan(5);
});
