/** Creates charges and marks them succeeded or declined. */

import type { Gateway } from './gateway.ts';
import type { KeyRecord } from './idempotency.ts';
import { type Charge, type Decline, newId, type PaymentIntent, type PaymentMethod } from './store.ts';

export interface ChargeTarget {
  intent: PaymentIntent;
  method: PaymentMethod;
  /** The method's id as the request named it. */
  requestedMethodId: string;
}

/** Creates a charge; the caller sets the payment's status. */
export function newCharge(
  gateway: Gateway,
  { intent, method, requestedMethodId }: ChargeTarget,
  key: KeyRecord | undefined,
  status: Charge['status'],
): Charge {
  const charge: Charge = {
    id: newId('ch'),
    intent,
    method,
    requestedMethodId,
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
  gateway.store.charges.set(charge.id, charge);
  intent.latest_charge = charge.id;
  intent.payment_method = method.id;
  return charge;
}

export function markSucceeded(charge: Charge): void {
  charge.status = 'succeeded';
  charge.amount_captured = charge.amount;
  charge.intent.status = 'succeeded';
  charge.intent.amount_received = charge.amount;
  charge.intent.last_payment_error = null;
}

/** The payment can be confirmed again, with the same method or another one. */
export function markDeclined(charge: Charge, decline: Decline): void {
  charge.status = 'failed';
  charge.decline = decline;
  charge.intent.status = 'requires_payment_method';
  charge.intent.payment_method = null;
  charge.intent.last_payment_error = { ...decline, charge: charge.id, method: charge.method };
}
