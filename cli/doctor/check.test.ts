import { afterEach, expect, test, vi } from 'vitest';
import { ok, runCheck } from './check.ts';

afterEach(() => void vi.useRealTimers());

test('a check without an answer is unreachable after half a minute', async () => {
  vi.useFakeTimers();
  const running = runCheck(() => new Promise(() => {}), 'Restart it');
  await vi.advanceTimersByTimeAsync(30_000);
  expect(await running).toEqual({
    state: 'unreachable',
    detail: 'no answer within 30 seconds',
    remedy: 'Restart it',
  });
});

test('a check that answers leaves no timer behind', async () => {
  vi.useFakeTimers();
  expect(await runCheck(async () => ok('fine'))).toEqual(ok('fine'));
  expect(vi.getTimerCount()).toBe(0);
});
