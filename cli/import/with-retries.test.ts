import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PersonaError } from '../../domain/errors.ts';
import { withRetries } from './with-retries.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const busy = new PersonaError('graph_unavailable', 'Neo4j is too busy');

test('a line whose server is briefly busy is retried until it succeeds', async () => {
  const onboard = vi
    .fn()
    .mockRejectedValueOnce(busy)
    .mockRejectedValueOnce(busy)
    .mockResolvedValue('created');
  const outcome = withRetries(onboard)({ transaction_id: 't' });
  await vi.runAllTimersAsync();
  expect(await outcome).toBe('created');
  expect(onboard.mock.calls).toEqual(Array(3).fill([{ transaction_id: 't' }]));
});

test('a server that stays unavailable ends the retries after about a minute', async () => {
  const started = Date.now();
  const outcome = withRetries(() => Promise.reject(busy))({});
  const thrown = expect(outcome).rejects.toBe(busy);
  await vi.runAllTimersAsync();
  await thrown;
  expect(Date.now() - started).toBeGreaterThan(20_000);
  expect(Date.now() - started).toBeLessThan(100_000);
});

test('a refused line is not retried', async () => {
  const refused = new PersonaError('customer_not_found', 'unknown customer');
  const onboard = vi.fn().mockRejectedValue(refused);
  await expect(withRetries(onboard)({})).rejects.toBe(refused);
  expect(onboard).toHaveBeenCalledTimes(1);
});
