/** Requests that are held at a chosen point until a test releases them. */

import { randomUUID } from 'node:crypto';
import { ConnectionDropped } from './errors.ts';

export interface Hold {
  id: string;
  step: string;
  idempotency_key: string | null;
  payment_method: string;
  payment_intent?: string;
}

export class Holds {
  #open = new Map<string, { hold: Hold; release: () => void; abort: () => void }>();

  /** Resolves when the hold is released. @throws ConnectionDropped at a reset */
  wait(about: Omit<Hold, 'id'>): Promise<void> {
    const hold = { id: `hold_${randomUUID()}`, ...about };
    return new Promise((resolve, reject) => {
      this.#open.set(hold.id, { hold, release: resolve, abort: () => reject(new ConnectionDropped()) });
    });
  }

  list(): Hold[] {
    return [...this.#open.values()].map((entry) => entry.hold);
  }

  /** `false`: unknown hold. */
  release(id: string): boolean {
    const entry = this.#open.get(id);
    this.#open.delete(id);
    entry?.release();
    return entry !== undefined;
  }

  reset(): void {
    for (const entry of this.#open.values()) entry.abort();
    this.#open.clear();
  }
}
