/** `/v1/payment_methods` */

import { customerById } from './customers.ts';
import { declineOf, declineError } from './declines.ts';
import { GatewayError, invalidParameter, resourceMissing } from './errors.ts';
import { type ApiResponse, type Call, causeOf, type Gateway, ok } from './gateway.ts';
import { listObject } from './lists.ts';
import { methodObject } from './objects.ts';
import type { FormObject } from './form.ts';
import {
  isObject,
  metadata,
  assertKnownParameters,
  optionalInteger,
  optionalText,
  requiredText,
} from './parameters.ts';
import { newId, type PaymentMethod } from './store.ts';
import { type TestMethod, testMethod } from './test-methods.ts';

export function getPaymentMethod({ gateway, id }: Call): ApiResponse {
  return ok(methodObject(methodById(gateway, id, 404)));
}

/** Lists all types, and as at Stripe only attached methods. */
export function listPaymentMethods({ gateway, id, body }: Call): ApiResponse {
  customerById(gateway, id, 'customer', 404);
  assertKnownParameters(body, ['limit', 'starting_after', 'ending_before', 'type', 'expand']);
  const type = optionalText(body, 'type');
  const methods = [...gateway.store.methods.values()].filter(
    (method) => method.customer === id && (type === undefined || method.type === type),
  );
  return ok(listObject(methods, body, `/v1/customers/${id}/payment_methods`, methodObject));
}

/** Changes a card's date, the holder's details and the metadata; only a customer's method can be changed. */
export function updatePaymentMethod(call: Call): Promise<ApiResponse> {
  const { gateway, id, body } = call;
  assertKnownParameters(body, ['card', 'metadata', 'billing_details']);
  const method = methodById(gateway, id, 404);
  if (method.customer === null) {
    throw new GatewayError(400, {
      type: 'invalid_request_error',
      message: 'You must save this PaymentMethod to a customer before you can update it.',
    });
  }
  const details = isObject(body.card) ? updatedExpiry(gateway, method, body.card) : {};
  Object.assign(method.details, details);
  if (isObject(body.billing_details))
    method.billing_details = { ...method.billing_details, ...body.billing_details };
  Object.assign(method.metadata, metadata(body));
  return respondWithEvent(call, 'payment_method.updated', method);
}

function updatedExpiry(
  gateway: Gateway,
  { type, details }: PaymentMethod,
  card: FormObject,
): Pick<PaymentMethod['details'], 'exp_month' | 'exp_year'> {
  if (type !== 'card') {
    throw invalidParameter('card', `You cannot update \`card\` on a PaymentMethod of type \`${type}\`.`);
  }
  const exp_month = optionalInteger(card, 'exp_month') ?? details.exp_month;
  const exp_year = optionalInteger(card, 'exp_year') ?? details.exp_year;
  if (exp_month < 1 || exp_month > 12) throw invalidExpiry('month');
  const today = new Date(gateway.clock.now());
  const months = (exp_year - today.getUTCFullYear()) * 12 + exp_month - (today.getUTCMonth() + 1);
  if (months < 0) throw invalidExpiry('year');
  return { exp_month, exp_year };
}

function invalidExpiry(part: 'month' | 'year'): GatewayError {
  return new GatewayError(402, {
    type: 'card_error',
    code: `invalid_expiry_${part}`,
    message: `Your card's expiration ${part} is invalid.`,
    param: `exp_${part}`,
  });
}

export function attachPaymentMethod(call: Call): Promise<ApiResponse> {
  const { gateway, id, body } = call;
  assertKnownParameters(body, ['customer']);
  const customer = customerById(gateway, requiredText(body, 'customer'), 'customer', 400);
  const method = methodById(gateway, id, 404);
  if (!gateway.store.methods.has(id) && testMethod(id)?.refusesAttach) {
    throw declineError(declineOf(method.defaultStep), method);
  }
  if (method.customer !== null) {
    throw new GatewayError(400, {
      type: 'invalid_request_error',
      message: 'The payment method you provided has already been attached to a customer.',
    });
  }
  // At Stripe a detached method can never be attached again. Here its last customer may attach it, so that a wallet's
  // method can be removed and added again under one token, as other gateways allow.
  if (method.detachedFrom !== null && method.detachedFrom !== customer.id) throw notReusable();
  method.customer = customer.id;
  method.detachedFrom = null;
  return respondWithEvent(call, 'payment_method.attached', method);
}

export function detachPaymentMethod(call: Call): Promise<ApiResponse> {
  const { gateway, id, body } = call;
  assertKnownParameters(body, []);
  const method = methodById(gateway, id, 404);
  if (method.customer === null) {
    throw invalidParameter(
      'payment_method',
      'The payment method you provided is not attached to a customer so detachment is impossible.',
    );
  }
  method.detachedFrom = method.customer;
  method.customer = null;
  return respondWithEvent(call, 'payment_method.detached', method);
}

/** Finds the method; for one of Stripe's test methods a new method is created. `status` as for `resourceMissing`. */
export function methodById(gateway: Gateway, id: string, status: 400 | 404): PaymentMethod {
  const known = gateway.store.methods.get(id);
  if (known !== undefined) return known;
  const template = testMethod(id);
  if (template === undefined) throw resourceMissing('PaymentMethod', id, 'payment_method', status);
  const method = createFromTemplate(gateway, id, template);
  gateway.store.methods.set(method.id, method);
  return method;
}

/**
 * Checks that the customer of a payment may be charged with this method.
 * @throws GatewayError as Stripe refuses another customer's method, or a detached one
 */
export function assertChargeable(method: PaymentMethod, customer: string | null): void {
  if (method.customer !== null && method.customer !== customer) {
    throw new GatewayError(400, {
      type: 'invalid_request_error',
      message: `The PaymentMethod ${method.id} does not belong to the Customer you supplied. Please use this PaymentMethod with the Customer that it belongs to.`,
      param: 'payment_method',
    });
  }
  if (method.detachedFrom !== null) throw notReusable();
}

function notReusable(): GatewayError {
  return new GatewayError(400, {
    type: 'invalid_request_error',
    code: 'payment_method_unexpected_state',
    message:
      'This PaymentMethod was previously used without being attached to a Customer or was detached from a Customer, and may not be used again.',
    param: 'payment_method',
  });
}

function createFromTemplate(gateway: Gateway, name: string, template: TestMethod): PaymentMethod {
  const { type, brand, last4, country, funding, behaviour } = template;
  const exp_year = new Date(gateway.clock.now()).getUTCFullYear() + 1;
  // One card per name: each payment method created from it has the same fingerprint, as at Stripe.
  const fingerprint = `fp_${name}`;
  return {
    id: newId('pm'),
    type,
    details: { brand, last4, exp_month: 12, exp_year, fingerprint, country, funding },
    customer: null,
    detachedFrom: null,
    created: gateway.clock.seconds(),
    metadata: {},
    script: [],
    defaultStep: behaviour,
  };
}

async function respondWithEvent(call: Call, type: string, method: PaymentMethod): Promise<ApiResponse> {
  const object = methodObject(method);
  return ok(object, await call.gateway.webhooks.emit(type, object, causeOf(call)));
}
