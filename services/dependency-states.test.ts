import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { sharedCheck } from './dependency-states.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('concurrent probes share one check, and later ones its result for a quarter of a second', async () => {
  const check = vi.fn(async () => ({ neo4j: 'up' }));
  const states = sharedCheck(check);
  await Promise.all(Array.from({ length: 100 }, () => states()));
  expect(await states()).toEqual({ neo4j: 'up' });
  await vi.advanceTimersByTimeAsync(249);
  await states();
  expect(check).toHaveBeenCalledTimes(1);
  check.mockResolvedValue({ neo4j: 'down' });
  await vi.advanceTimersByTimeAsync(1);
  expect(await states()).toEqual({ neo4j: 'down' });
  expect(check).toHaveBeenCalledTimes(2);
});

test('a check that fails is not remembered', async () => {
  const check = vi.fn(async () => 'up');
  check.mockRejectedValueOnce(new Error('no'));
  const states = sharedCheck(check);
  const probes = await Promise.allSettled([states(), states()]);
  expect(probes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await states()).toBe('up');
  expect(check).toHaveBeenCalledTimes(2);
});
