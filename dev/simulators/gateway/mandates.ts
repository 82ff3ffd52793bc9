/** `/v1/mandates`, and `PUT /_sim/mandates/{mandate}`, which creates and changes them. */

import { resourceMissing } from './errors.ts';
import { type ApiResponse, type Call, type Gateway, ok } from './gateway.ts';
import { mandateObject } from './objects.ts';
import { ScriptError } from './steps.ts';
import type { Mandate, PaymentMethod } from './store.ts';

const STATUSES = ['active', 'inactive', 'pending'] as const;
const TYPES = ['multi_use', 'single_use'] as const;

export function getMandate({ gateway, id }: Call): ApiResponse {
  const mandate = gateway.store.mandates.get(id);
  if (mandate === undefined) throw resourceMissing('mandate', id, 'mandate', 404);
  return ok(mandateObject(mandate, methodOf(gateway, mandate.payment_method)));
}

/**
 * `{payment_method, status?, type?}`; omitted fields are unchanged.
 * @throws ScriptError naming the field and the rule
 */
export function readMandate(gateway: Gateway, id: string, input: unknown): Mandate {
  if (typeof input !== 'object' || input === null) throw new ScriptError('the body must be an object');
  const before = gateway.store.mandates.get(id);
  const fields: Record<string, unknown> = { status: 'active', type: 'multi_use', ...before, ...input };
  const status = STATUSES.find((one) => one === fields.status);
  if (status === undefined) throw new ScriptError(`status: must be one of ${STATUSES.join(', ')}`);
  const type = TYPES.find((one) => one === fields.type);
  if (type === undefined) throw new ScriptError(`type: must be one of ${TYPES.join(', ')}`);
  const { payment_method } = fields;
  if (typeof payment_method !== 'string') throw new ScriptError('payment_method: must be a string');
  methodOf(gateway, payment_method);
  return { id, payment_method, status, type };
}

/** Stores the mandate, and announces the change if it existed before. */
export function changeMandate(gateway: Gateway, mandate: Mandate): object {
  const isKnown = gateway.store.mandates.has(mandate.id);
  gateway.store.mandates.set(mandate.id, mandate);
  gateway.save();
  const object = mandateObject(mandate, methodOf(gateway, mandate.payment_method));
  if (isKnown) gateway.webhooks.announce('mandate.updated', object);
  return object;
}

function methodOf(gateway: Gateway, id: string): PaymentMethod {
  const method = gateway.store.methods.get(id);
  if (method === undefined) throw new ScriptError(`payment_method: unknown payment method '${id}'`);
  return method;
}
