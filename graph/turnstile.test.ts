import { expect, test } from 'vitest';
import { Crowded, createTurnstile, Places } from './turnstile.ts';

/** More than any test waits. */
const LONG_MS = 60_000;
/** What a worker runs at a time. */
const SLOTS = 100;

/** As many as get a place at once. */
function fill(turnstile: ReturnType<typeof createTurnstile>, lock: string): number {
  let inside = 0;
  while (inside < SLOTS && turnstile.enter(lock)) inside += 1;
  return inside;
}

test('a few are at one lock at a time, and another lock has places of its own', () => {
  const turnstile = createTurnstile();
  const inside = fill(turnstile, 'a');
  expect(inside).toBeGreaterThan(1);
  expect(inside).toBeLessThan(10);
  expect(fill(turnstile, 'b')).toBe(inside);
});

test('places are given on in the order of the line, and nobody passes it by', async () => {
  const turnstile = createTurnstile();
  const inside = fill(turnstile, 'a');
  const order: number[] = [];
  const waiting = [1, 2, 3].map((n) => turnstile.waitFor('a', LONG_MS).then(() => order.push(n)));
  for (let n = 0; n < waiting.length; n++) {
    turnstile.leave('a');
    expect(turnstile.enter('a')).toBe(false);
  }
  await Promise.all(waiting);
  expect(order).toEqual([1, 2, 3]);
  for (let n = 0; n < inside; n++) turnstile.leave('a');
  expect(fill(turnstile, 'a')).toBe(inside);
});

test('one lock keeps busy less than the slots of a worker: who finds the line full is refused at once', async () => {
  const turnstile = createTurnstile();
  const inside = fill(turnstile, 'a');
  let refused = 0;
  const waiting = Array.from({ length: SLOTS }, () =>
    turnstile.waitFor('a', LONG_MS).catch((error: unknown) => {
      expect(error).toMatchObject({ type: 'graph_unavailable' });
      refused += 1;
    }),
  );
  await Promise.resolve();
  await Promise.resolve();
  const inLine = SLOTS - refused;
  expect(refused).toBeGreaterThan(0);
  expect(inside + inLine).toBeLessThan(SLOTS);
  for (let n = 0; n < inside + inLine; n++) turnstile.leave('a');
  await Promise.all(waiting);
});

test('who has waited long enough leaves the line, and the others move up', async () => {
  const turnstile = createTurnstile();
  fill(turnstile, 'a');
  const patient = turnstile.waitFor('a', LONG_MS);
  await expect(turnstile.waitFor('a', 1)).rejects.toMatchObject({ type: 'graph_unavailable' });
  turnstile.leave('a');
  await patient;
  await expect(turnstile.waitFor('a', 0)).rejects.toMatchObject({ type: 'graph_unavailable' });
});

test('a command takes each place once, and waits in a line without any', async () => {
  const turnstile = createTurnstile();
  const [first, second] = [new Places(turnstile), new Places(turnstile)];
  const inside = fill(turnstile, 'full');
  first.take('own');
  first.take('own');
  expect(() => first.take('full')).toThrow(Crowded);
  const waited = first.waitFor('full', LONG_MS);
  expect(fill(turnstile, 'own')).toBe(inside);
  turnstile.leave('full');
  await waited;
  first.take('full');
  expect(() => second.take('full')).toThrow(Crowded);
  first.leave();
  second.take('full');
});
