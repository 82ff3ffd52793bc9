import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { untilReachable } from './until-reachable.ts';

const AWAY = new Error('connection refused');

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function waitFor(attempt: () => Promise<string>) {
  const lines: Record<string, unknown>[] = [];
  const logger = pino(
    { level: 'info', timestamp: false, base: null },
    { write: (line) => lines.push(JSON.parse(line)) },
  );
  const stop = new AbortController();
  const isAway = (error: unknown) => error === AWAY;
  const result = untilReachable(attempt, { name: 'Neo4j', isAway, logger, signal: stop.signal }).then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  return { lines, stop, result };
}

test('repeats the attempt every second, and says what it waits for at most every ten', async () => {
  let attempts = 0;
  const { lines, result } = waitFor(async () => {
    attempts += 1;
    if (attempts <= 12) throw AWAY;
    return 'reached';
  });
  await vi.advanceTimersByTimeAsync(11_000);
  expect(attempts).toBe(12);
  const line = { level: 40, waiting_for: 'Neo4j', reason: 'connection refused', msg: 'waiting for Neo4j' };
  expect(lines).toEqual([line, line]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await result).toEqual({ value: 'reached' });
});

test('ends at once with an error that waiting does not repair', async () => {
  const wrongPassword = new Error('wrong password');
  const { lines, result } = waitFor(() => Promise.reject(wrongPassword));
  expect(await result).toEqual({ error: wrongPassword });
  expect(lines).toEqual([]);
});

test('ends when the process stops, also during a pause', async () => {
  const { stop, result } = waitFor(() => Promise.reject(AWAY));
  await vi.advanceTimersByTimeAsync(500);
  const reason = new Error('stopping');
  stop.abort(reason);
  expect(await result).toEqual({ error: reason });
  expect(vi.getTimerCount()).toBe(0);
});
