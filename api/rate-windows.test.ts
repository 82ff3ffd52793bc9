import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { CountedCaller } from './counted-caller.ts';
import { createRateWindows } from './rate-windows.ts';

const LIMITS = { customer: 2, service: 3, webhook: 1, unauthenticated: 1 };

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

test('each kind of caller has its own limit, and each caller its own minute', () => {
  const count = createRateWindows(LIMITS);
  const isOver = (kind: CountedCaller['kind'], name: string) => count({ kind, name })?.isOver;
  const same = 'one name';
  expect([1, 2, 3].map(() => isOver('customer', same))).toEqual([false, false, true]);
  expect([1, 2, 3, 4].map(() => isOver('service', same))).toEqual([false, false, false, true]);
  expect([1, 2].map(() => isOver('webhook', same))).toEqual([false, true]);
  expect([1, 2].map(() => isOver('unauthenticated', '192.0.2.1'))).toEqual([false, true]);
  expect(isOver('unauthenticated', '192.0.2.2')).toBe(false);
  vi.advanceTimersByTime(59_999);
  expect(count({ kind: 'webhook', name: same })).toEqual({
    limit: 1,
    remaining: 0,
    resetMs: 1,
    isOver: true,
  });
  vi.advanceTimersByTime(1);
  expect(isOver('webhook', same)).toBe(false);
});

test('any number of addresses displaces no window of a known caller', () => {
  const count = createRateWindows(LIMITS);
  count({ kind: 'webhook', name: 'stripe' });
  for (let n = 0; n < 60_000; n += 1) count({ kind: 'unauthenticated', name: `address ${n}` });
  expect(count({ kind: 'webhook', name: 'stripe' })?.isOver).toBe(true);
  // The oldest address is forgotten: the memory is bounded.
  expect(count({ kind: 'unauthenticated', name: 'address 0' })?.isOver).toBe(false);
  expect(count({ kind: 'unauthenticated', name: 'address 59999' })?.isOver).toBe(true);
});
