/** `/v1/charges` and `/v1/refunds` */

import { GatewayError, invalidParameter, missingParameter, resourceMissing } from '../protocol/errors.ts';
import { listObject } from '../protocol/lists.ts';
import { chargeObject, refundObject } from '../protocol/objects.ts';
import { metadata, assertKnownParameters, optionalInteger, optionalText } from '../protocol/parameters.ts';
import { type ApiResponse, type Call, causeOf, type Gateway, ok } from '../state/gateway.ts';
import { type Charge, newId, type Refund } from '../state/store.ts';
import { isChargedBack } from './disputes.ts';

export function getCharge({ gateway, id }: Call): ApiResponse {
  return ok(chargeObject(chargeById(gateway, id, 'charge', 404)));
}

export function listCharges({ gateway, body }: Call): ApiResponse {
  const intent = optionalText(body, 'payment_intent');
  const customer = optionalText(body, 'customer');
  const charges = [...gateway.store.charges.values()].filter(
    (charge) =>
      (intent === undefined || charge.intent.id === intent) &&
      (customer === undefined || charge.intent.customer === customer),
  );
  return ok(listObject(charges, body, '/v1/charges', chargeObject));
}

export async function createRefund(call: Call): Promise<ApiResponse> {
  const { gateway, body } = call;
  assertKnownParameters(body, ['charge', 'payment_intent', 'amount', 'reason', 'metadata']);
  const charge = chargeToRefund(gateway, optionalText(body, 'charge'), optionalText(body, 'payment_intent'));
  if (isChargedBack(gateway, charge)) {
    throw new GatewayError(400, {
      type: 'invalid_request_error',
      code: 'charge_disputed',
      message: `Charge ${charge.id} has been charged back; cannot issue a refund.`,
    });
  }
  const refundable = charge.amount_captured - charge.amount_refunded;
  if (charge.status !== 'succeeded' || refundable === 0) {
    const isFullyRefunded = charge.status === 'succeeded';
    throw new GatewayError(400, {
      type: 'invalid_request_error',
      code: isFullyRefunded ? 'charge_already_refunded' : 'charge_not_refundable',
      message: isFullyRefunded
        ? `Charge ${charge.id} has already been refunded.`
        : `Charge ${charge.id} has not succeeded and cannot be refunded.`,
    });
  }
  const refusalCode = charge.refuses_refunds?.shift();
  if (refusalCode !== undefined) {
    throw new GatewayError(400, {
      type: 'invalid_request_error',
      code: refusalCode,
      message: `Charge ${charge.id} cannot be refunded now: ${refusalCode}`,
    });
  }
  const amount = optionalInteger(body, 'amount') ?? refundable;
  if (amount < 1 || amount > refundable) {
    throw invalidParameter(
      'amount',
      `Refund amount (${amount}) is not between 1 and the unrefunded ${refundable}`,
    );
  }
  const refund: Refund = {
    id: newId('re'),
    charge,
    amount,
    reason: optionalText(body, 'reason') ?? null,
    metadata: metadata(body),
    created: gateway.clock.seconds(),
    status: 'succeeded',
    failure_reason: null,
  };
  gateway.store.refunds.set(refund.id, refund);
  charge.amount_refunded += amount;
  return ok(
    refundObject(refund),
    await gateway.webhooks.emit('charge.refunded', chargeObject(charge), causeOf(call)),
  );
}

export function getRefund({ gateway, id }: Call): ApiResponse {
  const refund = gateway.store.refunds.get(id);
  if (refund === undefined) throw resourceMissing('refund', id, 'refund', 404);
  return ok(refundObject(refund));
}

export function listRefunds({ gateway, body }: Call): ApiResponse {
  const charge = optionalText(body, 'charge');
  const intent = optionalText(body, 'payment_intent');
  const refunds = [...gateway.store.refunds.values()].filter(
    (refund) =>
      (charge === undefined || refund.charge.id === charge) &&
      (intent === undefined || refund.charge.intent.id === intent),
  );
  return ok(listObject(refunds, body, '/v1/refunds', refundObject));
}

function chargeToRefund(gateway: Gateway, charge: string | undefined, intentId: string | undefined): Charge {
  if (charge !== undefined) return chargeById(gateway, charge, 'charge', 400);
  if (intentId === undefined) throw missingParameter('charge');
  const intent = gateway.store.intents.get(intentId);
  if (intent === undefined) throw resourceMissing('payment_intent', intentId, 'payment_intent', 400);
  if (intent.latest_charge === null) {
    throw invalidParameter('payment_intent', `The PaymentIntent ${intentId} has no charge to refund.`);
  }
  return chargeById(gateway, intent.latest_charge, 'charge', 400);
}

function chargeById(gateway: Gateway, id: string, param: string, status: 400 | 404): Charge {
  const charge = gateway.store.charges.get(id);
  if (charge === undefined) throw resourceMissing('charge', id, param, status);
  return charge;
}
