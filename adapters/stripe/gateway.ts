/** The payment gateway through Stripe's API (specification: interfaces, 'Payment gateway'). */

import type { Stripe } from 'stripe';
import type { ChargeOrder, GatewayPayment, PaymentGateway } from '../../domain/ports.ts';
import { attachPaymentMethod, ownerOf } from './attach.ts';
import { answerOfError, answerOfIntent } from './charge.ts';
import { found, gatewayFault, type StripeOptions, stripeClient } from './client.ts';
import { findCharge } from './find-charge.ts';
import { getMandate } from './mandates.ts';
import { methodOf } from './methods.ts';
import { refundCharge, refundsOf } from './refund.ts';
import { chargeTransport } from './transport.ts';

export function createStripeGateway(options: StripeOptions): PaymentGateway {
  const stripe = stripeClient(options);
  const readPayment = (gatewayRef: string) => readIntent(stripe, gatewayRef, options);
  return {
    async charge(order, { timeoutMs, signal }) {
      const client = stripeClient(options, chargeTransport(signal));
      try {
        return answerOfIntent(await send(client, order, { idempotencyKey: order.key, timeout: timeoutMs }));
      } catch (error) {
        return answerOfError(error, order.token);
      }
    },

    readPayment,

    async cancelPayment(gatewayRef, key) {
      try {
        await stripe.paymentIntents.cancel(gatewayRef, {}, { idempotencyKey: key });
        return 'cancelled';
      } catch {
        // Refused, or no answer: the payment itself says what it is now, which a replayed answer might not.
        const payment = await readPayment(gatewayRef).catch(() => undefined);
        if (payment?.state === 'cancelled') return 'cancelled';
        return payment?.state === 'succeeded' ? 'already_succeeded' : 'unknown';
      }
    },

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

    ownerOf: (gatewayCustomerRef) => ownerOf(stripe, gatewayCustomerRef, options),

    attachPaymentMethod: (input) => attachPaymentMethod(stripe, input, options),

    async getPaymentMethod(token) {
      const method = await found(stripe.paymentMethods.retrieve(token), options);
      return method && methodOf(method);
    },

    getMandate: (mandateRef) => getMandate(stripe, mandateRef, options),
  };
}

/** Creates the obligation's payment and confirms it, or confirms the one that it has with another method. */
function send(
  client: Stripe,
  order: ChargeOrder,
  request: Stripe.RequestOptions,
): Promise<Stripe.PaymentIntent> {
  // `payment_method_types` is in the pinned version of the API but no longer in the package's types.
  const confirmation: Stripe.PaymentIntentConfirmParams & { payment_method_types: string[] } = {
    payment_method: order.token,
    payment_method_types: order.payment_method_types,
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

async function readIntent(
  stripe: Stripe,
  gatewayRef: string,
  options: StripeOptions,
): Promise<GatewayPayment | undefined> {
  const intent = await found(stripe.paymentIntents.retrieve(gatewayRef), options);
  if (intent === undefined) return undefined;
  const customer = typeof intent.customer === 'string' ? intent.customer : intent.customer?.id;
  const latest = intent.latest_charge;
  const charge = typeof latest === 'string' ? latest : latest?.id;
  return {
    gateway_ref: intent.id,
    state: stateOf(intent.status),
    ...(customer && { gateway_customer_ref: customer }),
    ...(charge && { charge_ref: charge }),
    amount: intent.amount,
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
      // `processing`, and authorised but not captured: money may be on its way.
      return 'processing';
  }
}
