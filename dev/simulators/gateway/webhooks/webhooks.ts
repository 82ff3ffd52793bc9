/** Events, signed as at Stripe and delivered at least once. */

import { createHmac } from 'node:crypto';
import type { Clock } from '../state/clock.ts';
import { type Delivery, newId } from '../state/store.ts';

/** The request that caused an event; both null if no request did. */
export interface EventCause {
  id: string | null;
  idempotency_key: string | null;
}
const NO_REQUEST: EventCause = { id: null, idempotency_key: null };

export type EventTiming = 'after' | 'before' | 'twice' | 'none';

/** Where deliveries are kept until the receiver has accepted them, by the event's id. */
export interface DeliveryStore {
  deliveries(): Map<string, Delivery>;
  save(): void;
}

/** The version of Stripe's API whose objects the simulator returns. */
const API_VERSION = '2026-08-26.dahlia';
/** Delays between the attempts of one delivery, in milliseconds of real time. */
const RETRY_AFTER_MS = [250, 1000, 5000, 30_000, 120_000];
const TIMEOUT_MS = 10_000;

export class Webhooks {
  readonly #url: string | undefined;
  readonly #secret: string;
  readonly #clock: Clock;
  readonly #store: DeliveryStore;
  #lost = false;
  #closed = new AbortController();

  constructor(target: { url?: string; secret?: string }, clock: Clock, store: DeliveryStore) {
    this.#url = target.url;
    this.#secret = target.secret ?? '';
    this.#clock = clock;
    this.#store = store;
  }

  /** Delivers the events that a killed process had not delivered. */
  resume(): void {
    for (const id of this.#store.deliveries().keys()) this.#deliverAll(id);
  }

  /** While `lost`, events are dropped and not delivered later. */
  setLost(lost: boolean): void {
    this.#lost = lost;
  }

  /**
   * Creates an event and delivers it at the given time relative to the response. The caller saves the state before the
   * response is sent.
   * @returns the delivery to run after the response was sent
   */
  async emit(
    type: string,
    object: object,
    cause: EventCause,
    timing: EventTiming = 'after',
  ): Promise<(() => void) | undefined> {
    if (this.#url === undefined || this.#lost || timing === 'none') return undefined;
    const id = newId('evt');
    const body = JSON.stringify({
      id,
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
      await this.#deliver(body);
      return undefined;
    }
    this.#store.deliveries().set(id, { body, times: timing === 'twice' ? 2 : 1 });
    return () => this.#deliverAll(id);
  }

  /** Creates and delivers an event that no request caused. */
  announce(type: string, object: object): void {
    void this.emit(type, object, NO_REQUEST).then((deliver) => {
      this.#store.save();
      deliver?.();
    });
  }

  reset(): void {
    this.#lost = false;
    this.#closed.abort();
    this.#closed = new AbortController();
  }

  #deliverAll(id: string): void {
    const deliveries = this.#store.deliveries();
    const { body, times } = deliveries.get(id) ?? { body: '', times: 0 };
    const delivered = Array.from({ length: times }, () => this.#deliver(body));
    const closed = this.#closed.signal;
    void Promise.all(delivered).then(() => {
      if (!closed.aborted) deliveries.delete(id);
    });
  }

  async #deliver(body: string): Promise<void> {
    const closed = this.#closed.signal;
    for (const wait of [...RETRY_AFTER_MS, 0]) {
      if (closed.aborted || (await this.#post(body, closed))) return;
      await pause(wait, closed);
    }
  }

  /** `true`: the receiver accepted it. */
  async #post(body: string, closed: AbortSignal): Promise<boolean> {
    // Real time, not the simulator's: the receiver compares it with its own clock.
    const t = Math.floor(Date.now() / 1000);
    const v1 = createHmac('sha256', this.#secret).update(`${t}.${body}`).digest('hex');
    try {
      const response = await fetch(this.#url ?? '', {
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
