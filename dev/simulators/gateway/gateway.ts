/** The parts of the simulator that every request works with. */

import { Clock } from './clock.ts';
import type { FormObject } from './form.ts';
import { Holds } from './holds.ts';
import { IdempotencyKeys, type KeyRecord } from './idempotency.ts';
import { Store } from './store.ts';
import { type EventCause, Webhooks } from './webhooks.ts';

export interface LoggedRequest {
  /** RFC 3339, by the simulator's clock. */
  at: string;
  method: string;
  path: string;
  idempotency_key?: string;
  body: FormObject;
}

export class Gateway {
  readonly clock = new Clock();
  readonly holds = new Holds();
  readonly keys = new IdempotencyKeys();
  readonly webhooks: Webhooks;
  store = new Store();
  requests: LoggedRequest[] = [];

  constructor(webhook: { url?: string; secret?: string }) {
    this.webhooks = new Webhooks(webhook, this.clock);
  }

  /** Forgets everything; requests under way get no answer. */
  reset(): void {
    this.holds.reset();
    this.clock.reset();
    this.webhooks.reset();
    this.keys.reset();
    this.store = new Store();
    this.requests = [];
  }
}

/** One request to the API, already read. */
export interface Call {
  gateway: Gateway;
  /** The id in the address, if it has one. */
  id: string;
  /** Body, or query of a GET. */
  body: FormObject;
  key: KeyRecord | undefined;
  requestId: string;
  /** `Stripe-Version` of the request; empty: the account's own. */
  version: string;
}

export interface Answer {
  status: number;
  body: object;
  /** Run when the answer is out. */
  afterwards?: () => void;
  /** Remembered under its key, but the connection is cut instead of answering. */
  cut?: boolean;
}

/** The request, as the events that it causes name it. */
export function causeOf(call: Call): EventCause {
  return { id: call.requestId, idempotency_key: call.key?.key ?? null };
}

export type Operation = (call: Call) => Answer | Promise<Answer>;

export function ok(body: object, afterwards?: () => void): Answer {
  return afterwards === undefined ? { status: 200, body } : { status: 200, body, afterwards };
}
