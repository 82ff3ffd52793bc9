/** `/v1/payment_intents`: at most one success each. */

import { charge } from './charging.ts';
import { assertNotOwnedByCheckout } from './checkout.ts';
import { customerById } from './customers.ts';
import { GatewayError, invalidParameter, resourceMissing } from './errors.ts';
import type { FormObject } from './form.ts';
import { type ApiResponse, type Call, causeOf, type Gateway, ok } from './gateway.ts';
import { listObject } from './lists.ts';
import { intentObject } from './objects.ts';
import {
  flag,
  metadata,
  offSession,
  assertKnownParameters,
  optionalInteger,
  optionalText,
  optionalTexts,
  requiredText,
} from './parameters.ts';
import { assertChargeable, methodById } from './payment-methods.ts';
import { newId, type PaymentIntent, type PaymentMethod } from './store.ts';
import { assertChargeableAmount, assertTypesSupportCurrency } from './currency-rules.ts';

const CONFIRM_PARAMETERS = [
  'payment_method',
  'payment_method_types',
  'allowed_payment_method_types',
  'off_session',
  'error_on_requires_action',
];
const CREATE_PARAMETERS = [
  ...CONFIRM_PARAMETERS,
  'amount',
  'currency',
  'customer',
  'confirm',
  'metadata',
  'description',
];

const TYPES_RENAMED_IN = '2026-09-30';

export async function createPaymentIntent(call: Call): Promise<ApiResponse> {
  const { gateway, body } = call;
  assertKnownParameters(body, CREATE_PARAMETERS);
  const intent = newIntent(gateway, body, methodTypes(call) ?? ['card']);
  assertTypesSupportCurrency(intent.currency, intent.payment_method_types);
  const requestedMethodId = optionalText(body, 'payment_method');
  const confirm = flag(body, 'confirm');
  if (!confirm && optionalText(body, 'off_session') !== undefined) {
    throw invalidParameter('off_session', 'You cannot provide `off_session` unless `confirm` is `true`.');
  }
  const method =
    requestedMethodId === undefined ? undefined : chargeableMethod(gateway, requestedMethodId, intent);
  const begin = () => gateway.store.intents.set(intent.id, intent);
  if (confirm) {
    if (method === undefined || requestedMethodId === undefined) throw missingMethod(intent);
    return withIntentLock(intent, () =>
      charge({ call, intent, method, requestedMethodId, failsOnAction: failsOnAction(body), begin }),
    );
  }
  if (method !== undefined) {
    intent.payment_method = method.id;
    intent.status = 'requires_confirmation';
  }
  begin();
  return ok(intentObject(intent));
}

export async function confirmPaymentIntent(call: Call): Promise<ApiResponse> {
  const { gateway, body, id } = call;
  assertKnownParameters(body, CONFIRM_PARAMETERS);
  const intent = intentById(gateway, id);
  return withIntentLock(intent, () => {
    assertNotOwnedByCheckout(gateway, intent);
    assertPayable(intent, 'confirm');
    const requestedMethodId = optionalText(body, 'payment_method') ?? intent.payment_method;
    if (requestedMethodId === null) throw missingMethod(intent);
    const types = methodTypes(call) ?? intent.payment_method_types;
    assertTypesSupportCurrency(intent.currency, types);
    const method = chargeableMethod(gateway, requestedMethodId, { ...intent, payment_method_types: types });
    const begin = () => {
      intent.payment_method_types = types;
    };
    return charge({ call, intent, method, requestedMethodId, failsOnAction: failsOnAction(body), begin });
  });
}

export async function cancelPaymentIntent(call: Call): Promise<ApiResponse> {
  const { gateway, body, id } = call;
  assertKnownParameters(body, ['cancellation_reason']);
  const intent = intentById(gateway, id);
  return withIntentLock(intent, async () => {
    if (intent.refuse_cancel !== null) throw cancelRefusedError(intent.refuse_cancel);
    assertNotOwnedByCheckout(gateway, intent);
    const latest = gateway.store.charges.get(intent.latest_charge ?? '');
    // Stripe cancels a processing payment only in rare cases; its test bank account that stays processing is one.
    const isCancelable = intent.status === 'processing' && latest?.method.type === 'us_bank_account';
    if (isCancelable) latest.status = 'canceled';
    else assertPayable(intent, 'cancel');
    intent.status = 'canceled';
    intent.canceled_at = gateway.clock.seconds();
    intent.cancellation_reason = optionalText(body, 'cancellation_reason') ?? null;
    const object = intentObject(intent);
    return ok(object, await gateway.webhooks.emit('payment_intent.canceled', object, causeOf(call)));
  });
}

export function getPaymentIntent({ gateway, id }: Call): ApiResponse {
  return ok(intentObject(intentById(gateway, id)));
}

export function listPaymentIntents({ gateway, body }: Call): ApiResponse {
  const customer = optionalText(body, 'customer');
  const intents = [...gateway.store.intents.values()].filter(
    (intent) => customer === undefined || intent.customer === customer,
  );
  return ok(listObject(intents, body, '/v1/payment_intents', intentObject));
}

function newIntent(gateway: Gateway, body: FormObject, types: string[]): PaymentIntent {
  const amount = optionalInteger(body, 'amount');
  if (amount === undefined) requiredText(body, 'amount');
  if (amount === undefined || amount < 1 || amount > 99_999_999) {
    throw invalidParameter('amount', 'Invalid amount: must be 1 to 99999999', 'parameter_invalid_integer');
  }
  const currency = requiredText(body, 'currency').toLowerCase();
  if (!/^[a-z]{3}$/.test(currency)) throw invalidParameter('currency', `Invalid currency: ${currency}`);
  assertChargeableAmount(amount, currency);
  const customer = optionalText(body, 'customer') ?? null;
  if (customer !== null) customerById(gateway, customer, 'customer', 400);
  return {
    id: newId('pi'),
    amount,
    currency,
    customer,
    payment_method: null,
    payment_method_types: types,
    status: 'requires_payment_method',
    metadata: metadata(body),
    description: optionalText(body, 'description') ?? null,
    created: gateway.clock.seconds(),
    last_payment_error: null,
    latest_charge: null,
    amount_received: 0,
    canceled_at: null,
    cancellation_reason: null,
    refuse_cancel: null,
    busy: false,
  };
}

/** Stripe's newer API versions use another name for the types and refuse the old one. */
function methodTypes({ body, version }: Call): string[] | undefined {
  if (body.payment_method_types !== undefined && version >= TYPES_RENAMED_IN) {
    throw invalidParameter(
      'payment_method_types',
      'payment_method_types is no longer supported; use allowed_payment_method_types.',
      'payment_method_types_no_longer_supported',
    );
  }
  return optionalTexts(body, 'payment_method_types') ?? optionalTexts(body, 'allowed_payment_method_types');
}

function intentById(gateway: Gateway, id: string): PaymentIntent {
  const intent = gateway.store.intents.get(id);
  if (intent === undefined) throw resourceMissing('payment_intent', id, 'intent', 404);
  return intent;
}

/** The named method, checked against the payment's customer and types. */
function chargeableMethod(gateway: Gateway, id: string, intent: PaymentIntent): PaymentMethod {
  const method = methodById(gateway, id, 400);
  assertChargeable(method, intent.customer);
  if (!intent.payment_method_types.includes(method.type)) {
    throw invalidParameter(
      'payment_method',
      `The PaymentMethod provided (${method.type}) is not allowed for this PaymentIntent. Please attach a PaymentMethod of the following types: ${intent.payment_method_types.join(', ')}.`,
      'payment_intent_invalid_parameter',
    );
  }
  return method;
}

function failsOnAction(body: FormObject): boolean {
  return flag(body, 'error_on_requires_action') || offSession(body);
}

/** One request at a time may change a payment; as at Stripe, others fail with `lock_timeout`. */
async function withIntentLock(
  intent: PaymentIntent,
  act: () => ApiResponse | Promise<ApiResponse>,
): Promise<ApiResponse> {
  if (intent.busy) {
    throw new GatewayError(
      429,
      {
        type: 'invalid_request_error',
        code: 'lock_timeout',
        message:
          'This object cannot be accessed right now because another API request or Stripe process is currently accessing it. If you see this error intermittently, retry the request.',
      },
      { executed: false },
    );
  }
  intent.busy = true;
  try {
    return await act();
  } finally {
    intent.busy = false;
  }
}

function assertPayable(intent: PaymentIntent, verb: 'confirm' | 'cancel'): void {
  if (!['succeeded', 'canceled', 'processing'].includes(intent.status)) return;
  throw unexpectedState(
    intent,
    `You cannot ${verb} this PaymentIntent because it has a status of ${intent.status}.`,
  );
}

function cancelRefusedError(status: number): GatewayError {
  const type = status === 401 ? 'authentication_error' : status < 500 ? 'invalid_request_error' : 'api_error';
  return new GatewayError(status, { type, message: 'This payment cannot be canceled now.' });
}

function missingMethod(intent: PaymentIntent): GatewayError {
  return unexpectedState(
    intent,
    "You cannot confirm this PaymentIntent because it's missing a payment method.",
  );
}

function unexpectedState(intent: PaymentIntent, message: string): GatewayError {
  return new GatewayError(400, {
    type: 'invalid_request_error',
    code: 'payment_intent_unexpected_state',
    message,
    payment_intent: intentObject(intent),
  });
}
