/** The payment gateway through Stripe's API (docs/reference/interfaces.md, 'Payment gateway'). */

import type { Stripe } from 'stripe';
import type {
  BreakerState,
  ChargeAnswer,
  ChargeOrder,
  GatewayPayment,
  PaymentGateway,
} from '../../domain/ports.ts';
import { attachPaymentMethod, ownerOf } from './attach.ts';
import { amountForStripe, amountFromStripe } from './amounts.ts';
import { createChargeBreaker, type SendResult } from './breaker.ts';
import { reversalOf, readWithCharge } from './reversals.ts';
import { cancelPayment } from './cancel.ts';
import { detachPaymentMethod, updatePaymentMethod } from './change-method.ts';
import {
  answerOfError,
  answerOfIntent,
  cancellationOf,
  isGatewayFailure,
  unrepresentable,
} from './charge.ts';
import {
  undefinedIfMissing,
  gatewayFault,
  MAX_PAGE_SIZE,
  type StripeOptions,
  stripeClient,
} from './client.ts';
import { getDispute, getFraudWarning } from './disputes.ts';
import { findCharge } from './find-charge.ts';
import { getMandate } from './mandates.ts';
import { methodOf } from './methods.ts';
import { refundCharge, refundsOf } from './refund.ts';
import { chargeTransport } from './transport.ts';

/** @param onBreaker receives each new state of the breaker around charges */
export function createStripeGateway(
  options: StripeOptions,
  onBreaker: (state: BreakerState) => void = () => {},
): PaymentGateway {
  const stripe = stripeClient(options);
  const guarded = createChargeBreaker(onBreaker);
  const readPayment = (gatewayRef: string) => readIntent(stripe, gatewayRef, options);
  return {
    async charge(order, { timeoutMs, signal }) {
      const amount = amountForStripe(order.amount, order.currency);
      if (amount === undefined) return unrepresentable(order);
      return guarded(async (): Promise<SendResult> => {
        const client = stripeClient(options, chargeTransport(signal));
        try {
          const request = { idempotencyKey: order.key, timeout: timeoutMs };
          const intent = await send(client, { ...order, amount }, request);
          return { answer: answerOfIntent(intent), failed: false };
        } catch (error) {
          // A request that we aborted says nothing about the gateway.
          const failed = signal?.aborted !== true && isGatewayFailure(error);
          return { answer: await verifyStillPaid(stripe, answerOfError(error, order)), failed };
        }
      });
    },

    readPayment,

    paymentsOf: (customer, since, { signal }) =>
      listIntents(stripeClient(options, chargeTransport(signal)), customer, since, options),

    cancelPayment: (gatewayRef) => cancelPayment(stripe, gatewayRef),

    findCharge: (query, { signal } = {}) => findCharge(query, options, signal),

    refundCharge: (input) => refundCharge(stripe, input, options),
    refundsOf: (gatewayRef) => refundsOf(stripe, gatewayRef, options),

    async createCustomer({ customer_id, key }) {
      try {
        const customer = await stripe.customers.create(
          { metadata: { customer_id } },
          { idempotencyKey: key },
        );
        return { gateway_customer_ref: customer.id };
      } catch (error) {
        throw gatewayFault(error, options);
      }
    },

    async deleteCustomer(gatewayCustomerRef) {
      const deleted = await undefinedIfMissing(stripe.customers.del(gatewayCustomerRef), options);
      return deleted === undefined ? 'absent' : 'deleted';
    },

    ownerOf: (gatewayCustomerRef) => ownerOf(stripe, gatewayCustomerRef, options),

    attachPaymentMethod: (input) => attachPaymentMethod(stripe, input, options),
    updatePaymentMethod: (input) => updatePaymentMethod(stripe, input, options),
    detachPaymentMethod: (token) => detachPaymentMethod(stripe, token, options),

    async getPaymentMethod(token) {
      const method = await undefinedIfMissing(stripe.paymentMethods.retrieve(token), options);
      return method && methodOf(method);
    },

    getMandate: (mandateRef) => getMandate(stripe, mandateRef, options),
    getDispute: (disputeRef) => getDispute(stripe, disputeRef, options),
    getFraudWarning: (warningRef) => getFraudWarning(stripe, warningRef, options),
  };
}

/** Creates and confirms the obligation's payment, or confirms the existing one with another method; in Stripe's units. */
function send(
  client: Stripe,
  order: ChargeOrder,
  request: Stripe.RequestOptions,
): Promise<Stripe.PaymentIntent> {
  // `payment_method_types` is in the pinned version of the API but no longer in the package's types.
  const confirmation: Stripe.PaymentIntentConfirmParams & { payment_method_types: string[] } = {
    payment_method: order.token,
    payment_method_types: [order.payment_method_type],
    off_session: true,
    error_on_requires_action: true,
  };
  if (order.gateway_ref !== undefined) {
    return client.paymentIntents.confirm(order.gateway_ref, confirmation, request);
  }
  const creation: Stripe.PaymentIntentCreateParams = {
    amount: order.amount,
    currency: order.currency.toLowerCase(),
    customer: order.gateway_customer_ref,
    confirm: true,
    metadata: { payment_id: order.payment_id, customer_id: order.customer_id },
    ...(confirmation as object),
  };
  return client.paymentIntents.create(creation, request);
}

/** Where a charge was refused because the payment has already succeeded: checks that it still holds its amount. */
async function verifyStillPaid(stripe: Stripe, answer: ChargeAnswer): Promise<ChargeAnswer> {
  if (answer.result !== 'approved' || answer.gateway_ref === undefined) return answer;
  const { gateway_ref } = answer;
  try {
    const reversal = await reversalOf(stripe, await readWithCharge(stripe, gateway_ref));
    if (reversal === undefined) return answer;
    const reason = `the payment had already succeeded, and is now ${reversal}`;
    return { result: 'not_sent', reason, cancelled: { gateway_ref, reversal } };
  } catch (error) {
    return { result: 'unknown', gateway_ref, reason: `the state of the payment could not be read: ${error}` };
  }
}

async function readIntent(
  stripe: Stripe,
  gatewayRef: string,
  options: StripeOptions,
): Promise<GatewayPayment | undefined> {
  const intent = await undefinedIfMissing(readWithCharge(stripe, gatewayRef), options);
  if (intent === undefined) return undefined;
  const reversal = await undefinedIfMissing(reversalOf(stripe, intent), options);
  return { ...paymentOf(intent), ...(reversal && { reversal }) };
}

async function listIntents(
  stripe: Stripe,
  customer: string,
  since: number,
  options: StripeOptions,
): Promise<GatewayPayment[]> {
  try {
    const created = { gte: Math.floor(since / 1000) };
    const payments: GatewayPayment[] = [];
    for await (const intent of stripe.paymentIntents.list({ customer, created, limit: MAX_PAGE_SIZE })) {
      payments.push(paymentOf(intent));
    }
    return payments;
  } catch (error) {
    throw gatewayFault(error, options);
  }
}

function paymentOf(intent: Stripe.PaymentIntent): GatewayPayment {
  const customer = typeof intent.customer === 'string' ? intent.customer : intent.customer?.id;
  const latest = intent.latest_charge;
  const charge = typeof latest === 'string' ? latest : latest?.id;
  const charged = typeof latest === 'object' ? latest?.created : undefined;
  const method = intent.payment_method;
  const token = typeof method === 'string' ? method : method?.id;
  const because = cancellationOf(intent)?.because;
  return {
    gateway_ref: intent.id,
    state: stateOf(intent.status),
    ...(customer && { gateway_customer_ref: customer }),
    ...(intent.metadata.payment_id && { payment_id: intent.metadata.payment_id }),
    ...(charge && { charge_ref: charge }),
    ...(token && { token }),
    ...(charged && { charged_at: charged * 1000 }),
    ...(because && { withdrawn: { because, created_at: intent.created * 1000 } }),
    amount: amountFromStripe(intent.amount, intent.currency),
    currency: intent.currency.toUpperCase(),
  };
}

function stateOf(status: Stripe.PaymentIntent.Status): GatewayPayment['state'] {
  switch (status) {
    case 'succeeded':
      return 'succeeded';
    case 'canceled':
      return 'cancelled';
    case 'requires_confirmation':
      return 'confirmable';
    case 'requires_payment_method':
    case 'requires_action':
      return 'payable';
    default:
      // `processing`, or authorised but not captured: money may be on its way.
      return 'processing';
  }
}
