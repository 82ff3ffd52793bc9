import { expect, test } from 'vitest';
import { LockContended, createLockQueue, LockSlots } from './lock-queue.ts';

/** Longer than any test waits. */
const LONG_MS = 60_000;
/** Activities that a worker runs concurrently. */
const WORKER_SLOTS = 100;

/** Acquires every free slot. @returns how many there were */
function acquireAll(lockQueue: ReturnType<typeof createLockQueue>, lock: string): number {
  let active = 0;
  while (active < WORKER_SLOTS && lockQueue.tryAcquire(lock)) active += 1;
  return active;
}

test('a few commands at a time get a slot for one lock, and each lock has its own slots', () => {
  const lockQueue = createLockQueue();
  const active = acquireAll(lockQueue, 'a');
  expect(active).toBeGreaterThan(1);
  expect(active).toBeLessThan(10);
  expect(acquireAll(lockQueue, 'b')).toBe(active);
});

test('slots are passed on in the order of the queue, and no command overtakes it', async () => {
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

test('one lock cannot occupy all slots of a worker: a command that finds the queue full is refused immediately', async () => {
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

test('a command that has waited too long leaves the queue, and the others move up', async () => {
  const lockQueue = createLockQueue();
  acquireAll(lockQueue, 'a');
  const patient = lockQueue.waitFor('a', LONG_MS);
  await expect(lockQueue.waitFor('a', 1)).rejects.toMatchObject({ type: 'graph_unavailable' });
  lockQueue.release('a');
  await patient;
  await expect(lockQueue.waitFor('a', 0)).rejects.toMatchObject({ type: 'graph_unavailable' });
});

test('a command acquires each slot once, and holds none while it is queued', async () => {
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
