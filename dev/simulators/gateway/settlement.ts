/** What happens to a payment later, by itself: a bank debit is settled, a customer completes an authentication. */

import { declineOf } from './declines.ts';
import type { Gateway } from './gateway.ts';
import { type ChargeTarget, markDeclined, markSucceeded, newCharge } from './ledger.ts';
import { intentObject } from './objects.ts';
import type { Step } from './steps.ts';
import type { Charge, PaymentIntent, Settlement } from './store.ts';

/** How soon a payment that a request is acting on is looked at again. */
const BUSY_RETRY_MS = 20;

/** `pending`: the charge that is to be settled; without it an authentication is to be completed. Does nothing without `step.settle`. */
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

/** Also for those that a killed simulator has left behind. */
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

/** The customer, present now, confirms the payment with the same method; nothing if it cannot be paid any more. */
function completeAuthentication(gateway: Gateway, target: ChargeTarget): Charge | undefined {
  if (['succeeded', 'canceled', 'processing'].includes(target.intent.status)) return undefined;
  return newCharge(gateway, target, undefined, 'pending');
}

function announce(gateway: Gateway, intent: PaymentIntent): void {
  const event = intent.status === 'succeeded' ? 'payment_intent.succeeded' : 'payment_intent.payment_failed';
  gateway.webhooks.announce(event, intentObject(intent));
}
