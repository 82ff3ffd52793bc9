/** Events, signed as Stripe signs them, delivered at least once. */

import { createHmac } from 'node:crypto';
import type { Clock } from './clock.ts';
import { newId } from './store.ts';

/** Which request caused an event; both null for what happened by itself. */
export interface EventCause {
  id: string | null;
  idempotency_key: string | null;
}
const NO_REQUEST: EventCause = { id: null, idempotency_key: null };

export type EventTiming = 'after' | 'before' | 'twice' | 'none';

/** The version of Stripe's API whose shapes the simulator has. */
const API_VERSION = '2026-08-26.dahlia';
/** Waits between the tries of one delivery, in real milliseconds. */
const RETRY_AFTER_MS = [250, 1000, 5000, 30_000, 120_000];
const TIMEOUT_MS = 10_000;

export class Webhooks {
  readonly #url: string | undefined;
  readonly #secret: string;
  readonly #clock: Clock;
  #lost = false;
  #closed = new AbortController();

  constructor(target: { url?: string; secret?: string }, clock: Clock) {
    this.#url = target.url;
    this.#secret = target.secret ?? '';
    this.#clock = clock;
  }

  /** From now on events are lost on their way, for good, until that is over. */
  setLost(lost: boolean): void {
    this.#lost = lost;
  }

  /**
   * Makes the event of what just happened and delivers it at the right time, seen from the answer.
   * @returns what is left to do once the answer is out
   */
  async emit(
    type: string,
    object: object,
    cause: EventCause,
    timing: EventTiming = 'after',
  ): Promise<(() => void) | undefined> {
    if (this.#url === undefined || this.#lost || timing === 'none') return undefined;
    const body = JSON.stringify({
      id: newId('evt'),
      object: 'event',
      api_version: API_VERSION,
      created: this.#clock.seconds(),
      data: { object },
      livemode: false,
      pending_webhooks: 1,
      request: cause,
      type,
    });
    if (timing === 'before') {
      await this.#deliver(this.#url, body);
      return undefined;
    }
    const url = this.#url;
    const times = timing === 'twice' ? 2 : 1;
    return () => {
      for (let n = 0; n < times; n += 1) void this.#deliver(url, body);
    };
  }

  /** Makes and delivers the event of what no request has asked for. */
  announce(type: string, object: object): void {
    void this.emit(type, object, NO_REQUEST).then((deliver) => deliver?.());
  }

  reset(): void {
    this.#lost = false;
    this.#closed.abort();
    this.#closed = new AbortController();
  }

  async #deliver(url: string, body: string): Promise<void> {
    const closed = this.#closed.signal;
    for (const wait of [...RETRY_AFTER_MS, 0]) {
      if (closed.aborted || (await this.#post(url, body, closed))) return;
      await pause(wait, closed);
    }
  }

  /** `true`: the receiver took it. */
  async #post(url: string, body: string, closed: AbortSignal): Promise<boolean> {
    // Real time, not the simulator's: the receiver holds it against its own clock.
    const t = Math.floor(Date.now() / 1000);
    const v1 = createHmac('sha256', this.#secret).update(`${t}.${body}`).digest('hex');
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json; charset=utf-8', 'stripe-signature': `t=${t},v1=${v1}` },
        body,
        signal: AbortSignal.any([closed, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      await response.arrayBuffer();
      return response.ok;
    } catch {
      return false;
    }
  }
}

function pause(milliseconds: number, closed: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    closed.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
