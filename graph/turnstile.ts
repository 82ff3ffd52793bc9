/**
 * Keeps the commands that meet at one lock from taking all connections. Of this process a few at a time wait for a lock in
 * Neo4j, where each of them holds a connection; the next ones stand in line here, holding nothing; and more than fit
 * into the line are refused at once, so that whoever runs them is free for others.
 */

import { PersonaError } from '../domain/errors.ts';

/** Enough that the lock's next holder is always waiting in Neo4j when it is let go. */
const INSIDE = 4;
/** With those inside well below the hundred activities that a worker runs at a time. */
const LONGEST_LINE = 60;

interface Lock {
  inside: number;
  readonly line: (() => void)[];
}

export interface Turnstile {
  /** Takes a place at the lock, if one is free. */
  enter(lock: string): boolean;
  /**
   * Stands in line for a place.
   * @param limitMs how long at most
   * @throws PersonaError graph_unavailable: the line is full, or did not move
   */
  waitFor(lock: string, limitMs: number): Promise<void>;
  /** Gives the place to the next in line. */
  leave(lock: string): void;
}

/** A command has to wait for a place at a lock, and holds others and a connection: it lets go and begins anew with it. */
export class Crowded extends Error {
  readonly lock: string;

  constructor(lock: string) {
    super(`too many commands are at the lock ${lock}`);
    this.lock = lock;
  }
}

export function createTurnstile(): Turnstile {
  const locks = new Map<string, Lock>();
  const busy = () =>
    new PersonaError('graph_unavailable', 'Neo4j is too busy: too many commands met on the same nodes');
  const enter = (name: string): boolean => {
    const lock = locks.get(name);
    if (lock === undefined) locks.set(name, { inside: 1, line: [] });
    else if (lock.inside >= INSIDE) return false;
    else lock.inside += 1;
    return true;
  };
  return {
    enter,
    async waitFor(name, limitMs) {
      if (enter(name)) return;
      const { line } = locks.get(name) as Lock;
      if (line.length >= LONGEST_LINE || limitMs <= 0) throw busy();
      await new Promise<void>((resolve, reject) => {
        const giveUp = () => {
          line.splice(line.indexOf(called), 1);
          reject(busy());
        };
        const timer = setTimeout(giveUp, limitMs);
        const called = () => {
          clearTimeout(timer);
          resolve();
        };
        line.push(called);
      });
    },
    leave(name) {
      const lock = locks.get(name);
      if (lock === undefined) return;
      const next = lock.line.shift();
      if (next !== undefined) next();
      else if (lock.inside > 1) lock.inside -= 1;
      else locks.delete(name);
    },
  };
}

/** The places that one command has taken, each once. */
export class Places {
  readonly #turnstile: Turnstile;
  readonly #taken = new Set<string>();

  constructor(turnstile: Turnstile) {
    this.#turnstile = turnstile;
  }

  /** @throws Crowded */
  take(lock: string): void {
    if (this.#taken.has(lock)) return;
    if (!this.#turnstile.enter(lock)) throw new Crowded(lock);
    this.#taken.add(lock);
  }

  /** Holds nothing while it waits. */
  async waitFor(lock: string, limitMs: number): Promise<void> {
    this.leave();
    await this.#turnstile.waitFor(lock, limitMs);
    this.#taken.add(lock);
  }

  leave(): void {
    for (const lock of this.#taken) this.#turnstile.leave(lock);
    this.#taken.clear();
  }
}
