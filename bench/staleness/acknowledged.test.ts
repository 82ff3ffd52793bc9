import { expect, test } from 'vitest';
import { AcknowledgedVersions } from './acknowledged.ts';

test('the lag is the time since the first acknowledged write that the answer lacks', () => {
  const versions = new AcknowledgedVersions();
  // In the order of the responses, which is not that of the writes.
  versions.add('a', 3, 1_000);
  versions.add('a', 2, 1_010);
  versions.add('a', 4, 1_500);
  versions.add('b', 9, 1_000);
  expect(versions.lag('a', 4, 2_000)).toBe(0);
  expect(versions.lag('a', 3, 2_000)).toBe(500);
  expect(versions.lag('a', 1, 2_000)).toBe(1_000);
  expect(versions.lag('c', 1, 2_000)).toBe(0);
});

test('a write that was acknowledged after the request was sent is not expected in its answer', () => {
  const versions = new AcknowledgedVersions();
  versions.add('a', 2, 1_000);
  expect(versions.lag('a', 1, 999)).toBe(0);
});

test('writes of more than a minute ago are forgotten with the next one', () => {
  const versions = new AcknowledgedVersions();
  versions.add('a', 2, 1_000);
  versions.add('a', 3, 61_001);
  expect(versions.lag('a', 1, 61_101)).toBe(100);
});
