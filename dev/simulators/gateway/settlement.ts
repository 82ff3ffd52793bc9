/** Later changes of a payment without a request: a bank debit settles, a customer completes an authentication. */

import { declineOf } from './declines.ts';
import type { Gateway } from './gateway.ts';
import { type ChargeTarget, markDeclined, markSucceeded, newCharge } from './ledger.ts';
import { intentObject } from './objects.ts';
import type { Step } from './steps.ts';
import type { Charge, PaymentIntent, Settlement } from './store.ts';

/** Delay before retrying a payment that a request is changing. */
const BUSY_RETRY_MS = 20;

/** `pending`: the charge to settle; without it an authentication is completed. Does nothing without `step.settle`. */
export function settleLater(gateway: Gateway, target: ChargeTarget, step: Step, pending?: Charge): void {
  if (step.settle === undefined) return;
  const { intent, method, requestedMethodId } = target;
  const settlement = {
    at: gateway.clock.now() + step.settle.after_ms,
    target: { intent, method, requestedMethodId },
    step,
    ...(pending && { pending }),
  };
  gateway.store.settlements.add(settlement);
  scheduleSettlement(gateway, settlement);
}

/** Also called for the settlements that a killed simulator left behind. */
export function scheduleSettlement(gateway: Gateway, settlement: Settlement): void {
  const { at, target, step, pending } = settlement;
  const settle = () => {
    if (target.intent.busy) {
      setTimeout(settle, BUSY_RETRY_MS);
      return;
    }
    gateway.store.settlements.delete(settlement);
    const charge = pending === undefined ? completeAuthentication(gateway, target) : stillPending(pending);
    if (charge === undefined) return;
    if (step.settle?.outcome === 'succeeded') markSucceeded(charge);
    else markDeclined(charge, declineOf(step));
    gateway.save();
    announce(gateway, charge.intent);
  };
  gateway.clock.after(at - gateway.clock.now(), settle);
}

function stillPending(charge: Charge): Charge | undefined {
  return charge.status === 'pending' ? charge : undefined;
}

/** The customer confirms the payment on session with the same method; `undefined`: it can no longer be paid. */
function completeAuthentication(gateway: Gateway, target: ChargeTarget): Charge | undefined {
  if (['succeeded', 'canceled', 'processing'].includes(target.intent.status)) return undefined;
  return newCharge(gateway, target, undefined, 'pending');
}

function announce(gateway: Gateway, intent: PaymentIntent): void {
  const event = intent.status === 'succeeded' ? 'payment_intent.succeeded' : 'payment_intent.payment_failed';
  gateway.webhooks.announce(event, intentObject(intent));
}
