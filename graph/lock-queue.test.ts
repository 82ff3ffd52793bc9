import { expect, test } from 'vitest';
import { LockContended, createLockQueue, LockSlots } from './lock-queue.ts';

/** More than any test waits. */
const LONG_MS = 60_000;
/** What a worker runs at a time. */
const WORKER_SLOTS = 100;

/** As many as get a place at once. */
function acquireAll(lockQueue: ReturnType<typeof createLockQueue>, lock: string): number {
  let active = 0;
  while (active < WORKER_SLOTS && lockQueue.tryAcquire(lock)) active += 1;
  return active;
}

test('a few are at one lock at a time, and another lock has places of its own', () => {
  const lockQueue = createLockQueue();
  const active = acquireAll(lockQueue, 'a');
  expect(active).toBeGreaterThan(1);
  expect(active).toBeLessThan(10);
  expect(acquireAll(lockQueue, 'b')).toBe(active);
});

test('places are given on in the order of the line, and nobody passes it by', async () => {
  const lockQueue = createLockQueue();
  const active = acquireAll(lockQueue, 'a');
  const order: number[] = [];
  const waiting = [1, 2, 3].map((n) => lockQueue.waitFor('a', LONG_MS).then(() => order.push(n)));
  for (let n = 0; n < waiting.length; n++) {
    lockQueue.release('a');
    expect(lockQueue.tryAcquire('a')).toBe(false);
  }
  await Promise.all(waiting);
  expect(order).toEqual([1, 2, 3]);
  for (let n = 0; n < active; n++) lockQueue.release('a');
  expect(acquireAll(lockQueue, 'a')).toBe(active);
});

test('one lock keeps busy less than the slots of a worker: who finds the line full is refused at once', async () => {
  const lockQueue = createLockQueue();
  const active = acquireAll(lockQueue, 'a');
  let refused = 0;
  const waiting = Array.from({ length: WORKER_SLOTS }, () =>
    lockQueue.waitFor('a', LONG_MS).catch((error: unknown) => {
      expect(error).toMatchObject({ type: 'graph_unavailable' });
      refused += 1;
    }),
  );
  await Promise.resolve();
  await Promise.resolve();
  const queued = WORKER_SLOTS - refused;
  expect(refused).toBeGreaterThan(0);
  expect(active + queued).toBeLessThan(WORKER_SLOTS);
  for (let n = 0; n < active + queued; n++) lockQueue.release('a');
  await Promise.all(waiting);
});

test('who has waited long enough leaves the line, and the others move up', async () => {
  const lockQueue = createLockQueue();
  acquireAll(lockQueue, 'a');
  const patient = lockQueue.waitFor('a', LONG_MS);
  await expect(lockQueue.waitFor('a', 1)).rejects.toMatchObject({ type: 'graph_unavailable' });
  lockQueue.release('a');
  await patient;
  await expect(lockQueue.waitFor('a', 0)).rejects.toMatchObject({ type: 'graph_unavailable' });
});

test('a command takes each place once, and waits in a line without any', async () => {
  const lockQueue = createLockQueue();
  const [first, second] = [new LockSlots(lockQueue), new LockSlots(lockQueue)];
  const active = acquireAll(lockQueue, 'full');
  first.acquire('own');
  first.acquire('own');
  expect(() => first.acquire('full')).toThrow(LockContended);
  const waited = first.waitFor('full', LONG_MS);
  expect(acquireAll(lockQueue, 'own')).toBe(active);
  lockQueue.release('full');
  await waited;
  first.acquire('full');
  expect(() => second.acquire('full')).toThrow(LockContended);
  first.release();
  second.acquire('full');
});
