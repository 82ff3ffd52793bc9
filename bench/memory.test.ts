import { expect, test } from 'vitest';
import { memoryOf } from './memory.ts';

test.runIf(process.platform === 'linux')('the peak is what a process had at most, not what it has', () => {
  const held = Buffer.alloc(64 * 1024 * 1024, 1);
  const known = memoryOf(process.pid) ?? { now: 0, peak: 0 };
  expect(known.now).toBeGreaterThan(held.length / 1e6);
  expect(known.peak).toBeGreaterThanOrEqual(known.now);
  // In megabytes, as Node itself counts it.
  expect(known.now / (process.memoryUsage.rss() / 1e6)).toBeCloseTo(1, 0);
});

test('a process that is gone has none', () => {
  expect(memoryOf(2 ** 22 + 1)).toBeUndefined();
});
