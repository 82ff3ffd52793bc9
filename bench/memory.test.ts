import { expect, test } from 'vitest';
import { memoryOf } from './memory.ts';

test.runIf(process.platform === 'linux')('current and peak memory of a process are measured in MB', () => {
  const held = Buffer.alloc(64 * 1024 * 1024, 1);
  const known = memoryOf(process.pid) ?? { now: 0, peak: 0 };
  expect(known.now).toBeGreaterThan(held.length / 1e6);
  expect(known.peak).toBeGreaterThanOrEqual(known.now);
  // In megabytes, matching Node's own value.
  expect(known.now / (process.memoryUsage.rss() / 1e6)).toBeCloseTo(1, 0);
});

test('a process that does not exist has no memory', () => {
  expect(memoryOf(2 ** 22 + 1)).toBeUndefined();
});
