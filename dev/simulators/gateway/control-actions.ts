/** What banks and networks do without being asked: they reissue a card, and send a refund back. */

import type { Gateway } from './gateway.ts';
import { chargeObject, methodObject, refundObject } from './objects.ts';
import { ScriptError } from './steps.ts';
import type { PaymentMethod } from './store.ts';

/** Tells of a customer's method that a test has changed, as Stripe does of a card that its network has updated. */
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
 * Detaches a customer's method without a webhook, as when that is lost.
 * @throws ScriptError
 */
export function detachSilently(gateway: Gateway, id: string): object {
  const method = gateway.store.methods.get(id);
  if (method === undefined || method.customer === null)
    throw new ScriptError(`there is no method '${id}' that is attached`);
  method.detachedFrom = method.customer;
  method.customer = null;
  gateway.save();
  return methodObject(method);
}

/**
 * Refuses the next requests to refund a charge: `{codes: [code]}`, one for each.
 * @throws ScriptError
 */
export function refuseRefunds(gateway: Gateway, id: string, input: unknown): object {
  const charge = gateway.store.charges.get(id);
  if (charge === undefined) throw new ScriptError(`there is no charge '${id}'`);
  const { codes } = (input ?? {}) as { codes?: unknown };
  if (!Array.isArray(codes) || !codes.every((code) => typeof code === 'string'))
    throw new ScriptError('codes: must be a list of texts');
  charge.refuses_refunds = [...codes];
  gateway.save();
  return { charge: id, codes };
}

/**
 * The bank could not take a refund: its charge has not been given back after all. `{reason?}` is Stripe's `failure_reason`.
 * @throws ScriptError
 */
export function failRefund(gateway: Gateway, id: string, input: unknown): object {
  const refund = gateway.store.refunds.get(id);
  if (refund?.status !== 'succeeded') throw new ScriptError(`there is no refund '${id}' that could fail`);
  const { reason = 'unknown' } = (input ?? {}) as { reason?: unknown };
  if (typeof reason !== 'string') throw new ScriptError('reason: must be a text');
  refund.status = 'failed';
  refund.failure_reason = reason;
  refund.charge.amount_refunded -= refund.amount;
  gateway.save();
  const object = refundObject(refund);
  // Both are sent, each an event of its own.
  gateway.webhooks.announce('refund.updated', object);
  gateway.webhooks.announce('refund.failed', object);
  return object;
}

/**
 * Only a part of the payment was captured: `{amount}`, in minor units.
 * @throws ScriptError
 */
export function capturePartially(gateway: Gateway, id: string, input: unknown): object {
  const charge = gateway.store.charges.get(id);
  if (charge?.status !== 'succeeded') throw new ScriptError(`there is no charge '${id}' that has succeeded`);
  const { amount } = (input ?? {}) as { amount?: unknown };
  if (typeof amount !== 'number' || !(amount >= 1 && amount <= charge.amount)) {
    throw new ScriptError(`amount: must be an integer from 1 to ${charge.amount}`);
  }
  charge.amount_captured = amount;
  charge.intent.amount_received = amount;
  gateway.save();
  return chargeObject(charge);
}
