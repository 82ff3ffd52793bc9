/**
 * Keeps the commands that meet at one lock from taking all connections. Of this process a few at a time wait for a lock in
 * Neo4j, where each of them holds a connection; the next ones stand in line here, holding nothing; and more than fit
 * into the line are refused at once, so that whoever runs them is free for others.
 */

import { PersonaError } from '../domain/errors.ts';

/** Enough that the lock's next holder is always waiting in Neo4j when it is let go. */
const MAX_ACTIVE = 4;
/** With those inside well below the hundred activities that a worker runs at a time. */
const MAX_QUEUED = 60;

interface Lock {
  active: number;
  readonly queue: (() => void)[];
}

export interface LockQueue {
  /** Takes a place at the lock, if one is free. */
  tryAcquire(lock: string): boolean;
  /**
   * Stands in line for a place.
   * @param limitMs how long at most
   * @throws PersonaError graph_unavailable: the line is full, or did not move
   */
  waitFor(lock: string, limitMs: number): Promise<void>;
  /** Gives the place to the next in line. */
  release(lock: string): void;
}

/** A command has to wait for a place at a lock, and holds others and a connection: it lets go and begins anew with it. */
export class LockContended extends Error {
  readonly lock: string;

  constructor(lock: string) {
    super(`too many commands are at the lock ${lock}`);
    this.lock = lock;
  }
}

export function createLockQueue(): LockQueue {
  const locks = new Map<string, Lock>();
  const busyError = () =>
    new PersonaError('graph_unavailable', 'Neo4j is too busy: too many commands met on the same nodes');
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

/** The places that one command has taken, each once. */
export class LockSlots {
  readonly #lockQueue: LockQueue;
  readonly #held = new Set<string>();

  constructor(lockQueue: LockQueue) {
    this.#lockQueue = lockQueue;
  }

  /** @throws Crowded */
  acquire(lock: string): void {
    if (this.#held.has(lock)) return;
    if (!this.#lockQueue.tryAcquire(lock)) throw new LockContended(lock);
    this.#held.add(lock);
  }

  /** Holds nothing while it waits. */
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
