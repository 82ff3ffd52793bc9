/**
 * Keeps commands that contend for one lock from exhausting the connection pool. A few commands of this process at a
 * time wait for the lock in Neo4j, each holding a connection; further ones wait in a queue here without holding
 * anything; once the queue is full, commands are refused immediately, so that their activity slots are free again.
 */

import { PersonaError } from '../domain/errors.ts';

/** Enough that the next holder is always waiting in Neo4j when the lock is released. */
const MAX_ACTIVE = 4;
/** Together with `MAX_ACTIVE` well below the hundred activities that a worker runs concurrently. */
const MAX_QUEUED = 60;

interface Lock {
  active: number;
  readonly queue: (() => void)[];
}

export interface LockQueue {
  /** Acquires a slot for the lock, if one is free. */
  tryAcquire(lock: string): boolean;
  /**
   * Queues for a slot.
   * @param limitMs maximum wait
   * @throws PersonaError graph_unavailable: the queue is full, or no slot became free in time
   */
  waitFor(lock: string, limitMs: number): Promise<void>;
  /** Passes the slot to the next in the queue. */
  release(lock: string): void;
}

/** A command must queue for a slot while it holds others and a connection: it releases them, waits, and restarts. */
export class LockContended extends Error {
  readonly lock: string;

  constructor(lock: string) {
    super(`too many commands are waiting for the lock ${lock}`);
    this.lock = lock;
  }
}

export function createLockQueue(): LockQueue {
  const locks = new Map<string, Lock>();
  const busyError = () =>
    new PersonaError(
      'graph_unavailable',
      'Neo4j is too busy: too many concurrent commands on the same nodes',
    );
  const tryAcquire = (name: string): boolean => {
    const lock = locks.get(name);
    if (lock === undefined) locks.set(name, { active: 1, queue: [] });
    else if (lock.active >= MAX_ACTIVE) return false;
    else lock.active += 1;
    return true;
  };
  return {
    tryAcquire,
    async waitFor(name, limitMs) {
      if (tryAcquire(name)) return;
      const { queue } = locks.get(name) as Lock;
      if (queue.length >= MAX_QUEUED || limitMs <= 0) throw busyError();
      await new Promise<void>((resolve, reject) => {
        const onTimeout = () => {
          queue.splice(queue.indexOf(grant), 1);
          reject(busyError());
        };
        const timer = setTimeout(onTimeout, limitMs);
        const grant = () => {
          clearTimeout(timer);
          resolve();
        };
        queue.push(grant);
      });
    },
    release(name) {
      const lock = locks.get(name);
      if (lock === undefined) return;
      const next = lock.queue.shift();
      if (next !== undefined) next();
      else if (lock.active > 1) lock.active -= 1;
      else locks.delete(name);
    },
  };
}

/** The slots that one command holds, each acquired once. */
export class LockSlots {
  readonly #lockQueue: LockQueue;
  readonly #held = new Set<string>();

  constructor(lockQueue: LockQueue) {
    this.#lockQueue = lockQueue;
  }

  /** @throws LockContended */
  acquire(lock: string): void {
    if (this.#held.has(lock)) return;
    if (!this.#lockQueue.tryAcquire(lock)) throw new LockContended(lock);
    this.#held.add(lock);
  }

  /** Releases all slots, then waits for this one. */
  async waitFor(lock: string, limitMs: number): Promise<void> {
    this.release();
    await this.#lockQueue.waitFor(lock, limitMs);
    this.#held.add(lock);
  }

  release(): void {
    for (const lock of this.#held) this.#lockQueue.release(lock);
    this.#held.clear();
  }
}
