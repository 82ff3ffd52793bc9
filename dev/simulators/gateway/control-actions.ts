/** Control actions for what banks and networks do by themselves, such as reissuing a card or returning a refund. */

import type { Gateway } from './gateway.ts';
import { chargeObject, methodObject, refundObject } from './objects.ts';
import { ScriptError } from './steps.ts';
import type { PaymentMethod } from './store.ts';

/** Announces a customer's method that a test has changed, as Stripe does for a card updated by its network. */
export function announceMethodChange(gateway: Gateway, before: PaymentMethod, method: PaymentMethod): void {
  if (before.customer === null) return;
  const object = methodObject(method);
  if (method.customer === null) {
    gateway.webhooks.announce('payment_method.detached', object);
  } else if (JSON.stringify(before.details) !== JSON.stringify(method.details)) {
    gateway.webhooks.announce('payment_method.automatically_updated', object);
  }
}

/**
 * Detaches a customer's method without a webhook, as if that were lost.
 * @throws ScriptError
 */
export function detachSilently(gateway: Gateway, id: string): object {
  const method = gateway.store.methods.get(id);
  if (method === undefined || method.customer === null)
    throw new ScriptError(`unknown or detached payment method '${id}'`);
  method.detachedFrom = method.customer;
  method.customer = null;
  gateway.save();
  return methodObject(method);
}

/**
 * Refuses the next refund requests for a charge: `{codes: [code]}`, one for each.
 * @throws ScriptError
 */
export function refuseRefunds(gateway: Gateway, id: string, input: unknown): object {
  const charge = gateway.store.charges.get(id);
  if (charge === undefined) throw new ScriptError(`unknown charge '${id}'`);
  const { codes } = (input ?? {}) as { codes?: unknown };
  if (!Array.isArray(codes) || !codes.every((code) => typeof code === 'string'))
    throw new ScriptError('codes: must be an array of strings');
  charge.refuses_refunds = [...codes];
  gateway.save();
  return { charge: id, codes };
}

/**
 * Fails a refund that the bank could not take: its charge is no longer refunded. `{reason?}` is Stripe's `failure_reason`.
 * @throws ScriptError
 */
export function failRefund(gateway: Gateway, id: string, input: unknown): object {
  const refund = gateway.store.refunds.get(id);
  if (refund?.status !== 'succeeded') throw new ScriptError(`unknown or failed refund '${id}'`);
  const { reason = 'unknown' } = (input ?? {}) as { reason?: unknown };
  if (typeof reason !== 'string') throw new ScriptError('reason: must be a string');
  refund.status = 'failed';
  refund.failure_reason = reason;
  refund.charge.amount_refunded -= refund.amount;
  gateway.save();
  const object = refundObject(refund);
  // Stripe sends both events.
  gateway.webhooks.announce('refund.updated', object);
  gateway.webhooks.announce('refund.failed', object);
  return object;
}

/**
 * Captures only a part of the payment: `{amount}`, in minor units.
 * @throws ScriptError
 */
export function capturePartially(gateway: Gateway, id: string, input: unknown): object {
  const charge = gateway.store.charges.get(id);
  if (charge?.status !== 'succeeded') throw new ScriptError(`no succeeded charge '${id}'`);
  const { amount } = (input ?? {}) as { amount?: unknown };
  if (typeof amount !== 'number' || !(amount >= 1 && amount <= charge.amount)) {
    throw new ScriptError(`amount: must be an integer from 1 to ${charge.amount}`);
  }
  charge.amount_captured = amount;
  charge.intent.amount_received = amount;
  gateway.save();
  return chargeObject(charge);
}
