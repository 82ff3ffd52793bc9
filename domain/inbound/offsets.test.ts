import { expect, test } from 'vitest';
import { OffsetTracker } from './offsets.ts';

test('an offset is committed once everything before it is processed', () => {
  const tracker = new OffsetTracker();
  for (const offset of [5n, 6n, 9n]) tracker.start(offset);
  tracker.finish(6n);
  expect(tracker.committable).toBeUndefined();
  tracker.finish(5n);
  expect(tracker.committable).toBe(7n);
  tracker.finish(9n);
  tracker.committed(7n);
  expect(tracker.committable).toBe(10n);
  tracker.committed(10n);
  expect(tracker.committable).toBeUndefined();
});

test('a record that is read again while it is processed is not processed twice at once', () => {
  const tracker = new OffsetTracker();
  expect(tracker.start(5n)).toBe(true);
  expect(tracker.start(5n)).toBe(false);
  tracker.finish(5n);
  expect(tracker.start(5n)).toBe(true);
});

test('a record that is read again and finished after those that follow it does not take the offset back', () => {
  const tracker = new OffsetTracker();
  for (const offset of [5n, 6n, 7n]) tracker.start(offset);
  tracker.finish(5n);
  // A rebalance, before 6 was committed.
  expect(tracker.start(5n)).toBe(true);
  for (const offset of [6n, 7n]) tracker.finish(offset);
  tracker.committed(8n);
  tracker.finish(5n);
  expect(tracker.committable).toBeUndefined();
});
