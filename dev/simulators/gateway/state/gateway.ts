/** The state of the simulator that every request uses. */

import { Holds } from '../control/holds.ts';
import type { FormObject } from '../protocol/form.ts';
import { IdempotencyKeys, type KeyRecord } from '../protocol/idempotency.ts';
import { RateLimit } from '../protocol/rate-limit.ts';
import { type EventCause, Webhooks } from '../webhooks/webhooks.ts';
import { Clock } from './clock.ts';
import { loadState, saveState } from './state-file.ts';
import { Store } from './store.ts';

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
  readonly rateLimit = new RateLimit();
  readonly keys: IdempotencyKeys;
  readonly webhooks: Webhooks;
  store = new Store();
  requests: LoggedRequest[] = [];
  readonly #stateFile: string | undefined;

  /** @param stateFile stores the state and is read if it exists; without it the state is only in memory */
  constructor(webhook: { url?: string; secret?: string }, stateFile?: string) {
    this.webhooks = new Webhooks(webhook, this.clock, {
      deliveries: () => this.store.deliveries,
      save: () => this.save(),
    });
    this.#stateFile = stateFile;
    const saved = stateFile === undefined ? undefined : loadState(stateFile);
    this.keys = new IdempotencyKeys(saved?.keys);
    if (saved !== undefined) Object.assign(this.store, saved.store);
  }

  /** Called after every change, before a response or webhook shows it. */
  save(): void {
    if (this.#stateFile === undefined) return;
    saveState(this.#stateFile, { store: this.store, keys: this.keys.records });
  }

  /** Ends the requests in flight without a response, and cancels everything scheduled. */
  stop(): void {
    this.holds.reset();
    this.clock.reset();
    this.webhooks.reset();
  }

  /** Deletes all state and ends the requests in flight. */
  reset(): void {
    this.stop();
    this.keys.reset();
    this.store = new Store();
    this.requests = [];
    this.save();
  }
}

/** One parsed request to the API. */
export interface Call {
  gateway: Gateway;
  /** The id in the path; empty if there is none. */
  id: string;
  /** Body, or query of a GET. */
  body: FormObject;
  key: KeyRecord | undefined;
  requestId: string;
  /** `Stripe-Version` of the request; empty: the account's own. */
  version: string;
}

export interface ApiResponse {
  status: number;
  body: object;
  /** Runs after the response has been sent. */
  afterwards?: () => void;
  /** Stored under its key, but the connection is closed instead of sending it. */
  dropConnection?: boolean;
}

/** How events name the request that caused them. */
export function causeOf(call: Call): EventCause {
  return { id: call.requestId, idempotency_key: call.key?.key ?? null };
}

export type Operation = (call: Call) => ApiResponse | Promise<ApiResponse>;

export function ok(body: object, afterwards?: () => void): ApiResponse {
  return afterwards === undefined ? { status: 200, body } : { status: 200, body, afterwards };
}
