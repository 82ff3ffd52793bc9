/** Charges as they are entered, succeed and fail. */

import type { Gateway } from './gateway.ts';
import type { KeyRecord } from './idempotency.ts';
import { type Charge, type Decline, newId, type PaymentIntent, type PaymentMethod } from './store.ts';

export interface ChargeOf {
  intent: PaymentIntent;
  method: PaymentMethod;
  /** The method's id as the request named it. */
  chargedAs: string;
}

/** Enters a charge; the payment's status is the caller's. */
export function newCharge(
  gateway: Gateway,
  { intent, method, chargedAs }: ChargeOf,
  key: KeyRecord | undefined,
  status: Charge['status'],
): Charge {
  const made: Charge = {
    id: newId('ch'),
    intent,
    method,
    chargedAs,
    amount: intent.amount,
    currency: intent.currency,
    status,
    amount_captured: 0,
    amount_refunded: 0,
    disputed: false,
    created: gateway.clock.seconds(),
    key,
    decline: null,
  };
  gateway.store.charges.set(made.id, made);
  intent.latest_charge = made.id;
  intent.payment_method = method.id;
  return made;
}

export function markSucceeded(made: Charge): void {
  made.status = 'succeeded';
  made.amount_captured = made.amount;
  made.intent.status = 'succeeded';
  made.intent.amount_received = made.amount;
  made.intent.last_payment_error = null;
}

/** The payment may be confirmed again, with another method or the same. */
export function markDeclined(made: Charge, decline: Decline): void {
  made.status = 'failed';
  made.decline = decline;
  made.intent.status = 'requires_payment_method';
  made.intent.payment_method = null;
  made.intent.last_payment_error = { ...decline, charge: made.id, method: made.method };
}
