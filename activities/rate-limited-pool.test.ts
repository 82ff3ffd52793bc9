import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import { createRateLimitedPool } from './rate-limited-pool.ts';

const within = <T>(work: () => Promise<T>) => new MockActivityEnvironment().run(work) as Promise<T>;

test('each item is worked on once, no more at once than there are lanes', async () => {
  const inPool = createRateLimitedPool({ concurrency: 3, perSecond: 100_000 });
  const items = Array.from({ length: 30 }, (_, index) => index);
  const seen: number[] = [];
  let waiting: (() => void)[] = [];
  let most = 0;
  await within(() =>
    inPool(items, async (item) => {
      seen.push(item);
      // Each waits until all lanes have something to do.
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

test('all calls together keep the pace', async () => {
  const inPool = createRateLimitedPool({ concurrency: 8, perSecond: 200 });
  const began = performance.now();
  await within(async () => {
    await inPool(Array.from({ length: 10 }), async () => {});
    await inPool(Array.from({ length: 11 }), async () => {});
  });
  // The first goes at once, and so does the last at its turn; timers may be a millisecond early.
  expect(performance.now() - began).toBeGreaterThan(95);
});

test('a failure ends the call once what is under way has ended, and nothing new is begun', async () => {
  const inPool = createRateLimitedPool({ concurrency: 2, perSecond: 100_000 });
  let begun = 0;
  let ended = 0;
  const call = within(() =>
    inPool(Array.from({ length: 20 }), async () => {
      begun++;
      if (begun === 1) throw new Error('the graph is away');
      await Promise.resolve();
      ended++;
    }),
  );
  await expect(call).rejects.toThrow('the graph is away');
  expect(ended).toBe(begun - 1);
  expect(begun).toBeLessThan(5);
});
