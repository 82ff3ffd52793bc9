/** Stripe's lists, page by page, for the reconciliation: the current state, whether or not a webhook reported it. */

import type { Stripe } from 'stripe';
import type {
  DisputeRecord,
  GatewayRecords,
  RecordPage,
  TimeRange,
} from '../../domain/reconciliation/records.ts';
import { undefinedIfMissing, gatewayFault, type StripeOptions, stripeClient } from './client.ts';
import { codesOfCharge } from './decline-codes.ts';
import { disputeOf, fraudWarningOf } from './disputes.ts';
import { methodOf } from './methods.ts';
import { refundMetadata, toGatewayRefund } from './refund.ts';

/** Stripe's largest page size. */
const PAGE = 100;

export function createStripeRecords(options: StripeOptions): GatewayRecords {
  const stripe = stripeClient(options);

  /** One page of records. Objects without a record are omitted, but still count for where the next page starts. */
  async function page<T extends { id: string }, R>(
    list: Promise<Stripe.ApiList<T>>,
    toRecord: (object: T) => R | undefined,
  ): Promise<RecordPage<R>> {
    try {
      return toPage(await list, toRecord);
    } catch (error) {
      throw gatewayFault(error, options);
    }
  }

  return {
    async methodsOf(gatewayCustomerRef, after) {
      const list = stripe.customers.listPaymentMethods(gatewayCustomerRef, pagination(after));
      const methods = await undefinedIfMissing(list, options);
      return (
        methods && toPage(methods, (method) => ({ ...methodOf(method), created_at: method.created * 1000 }))
      );
    },

    async getPaymentMethod(token) {
      const method = await undefinedIfMissing(stripe.paymentMethods.retrieve(token), options);
      return method && methodOf(method);
    },

    charges: (span, after) =>
      page(stripe.charges.list({ ...createdWithin(span), ...pagination(after) }), (charge) => {
        const gateway_ref = idOf(charge.payment_intent);
        if (gateway_ref === undefined) return undefined;
        const { payment_method: token, metadata } = charge;
        const gateway_customer_ref = idOf(charge.customer);
        return {
          about: 'payment',
          result: RESULTS[charge.status as keyof typeof RESULTS] ?? 'pending',
          codes: charge.status === 'failed' ? codesOfCharge(charge) : {},
          charge_ref: charge.id,
          made_at: charge.created * 1000,
          gateway_ref,
          // Stripe's times are in whole seconds: take the latest possible moment.
          occurred_at: new Date(charge.created * 1000 + 999).toISOString(),
          ...(gateway_customer_ref && { gateway_customer_ref }),
          ...(metadata.payment_id && { payment_id: metadata.payment_id }),
          ...(token && { token }),
        };
      }),

    refunds: (span, after) =>
      page(stripe.refunds.list({ ...createdWithin(span), ...pagination(after) }), (refund) => {
        const gateway_ref = idOf(refund.payment_intent);
        if (gateway_ref === undefined) return undefined;
        const { refund_ref, state, charge_ref } = toGatewayRefund(refund);
        return {
          about: 'refund',
          ...{ refund_ref, state, gateway_ref },
          ...(charge_ref && { charge_ref }),
          ...refundMetadata(refund),
        };
      }),

    disputes: (span, after) => {
      const list = stripe.disputes.list({
        ...createdWithin(span),
        ...pagination(after),
        expand: ['data.charge'],
      });
      return page(list, (dispute) => withChargeRef(dispute, disputeOf(dispute)));
    },

    fraudWarnings: (span, after) => {
      const query = { ...createdWithin(span), ...pagination(after), expand: ['data.charge'] };
      return page(stripe.radar.earlyFraudWarnings.list(query), (warning) =>
        withChargeRef(warning, fraudWarningOf(warning)),
      );
    },
  };
}

const RESULTS = { succeeded: 'approved', pending: 'pending', failed: 'declined' } as const;

function toPage<T extends { id: string }, R>(
  { data, has_more }: Stripe.ApiList<T>,
  toRecord: (object: T) => R | undefined,
): RecordPage<R> {
  const last = data.at(-1);
  return {
    items: data.map(toRecord).filter((item) => item !== undefined),
    ...(has_more && last && { next: last.id }),
  };
}

function pagination(after: string | undefined) {
  return { limit: PAGE, ...(after !== undefined && { starting_after: after }) };
}

function createdWithin({ since, until }: TimeRange) {
  return { created: { gte: Math.floor(since / 1000), lt: Math.floor(until / 1000) } };
}

function withChargeRef<T>(
  { charge }: { charge: string | { id: string } },
  dispute: T,
): T & { charge_ref: string } {
  return { ...dispute, charge_ref: typeof charge === 'string' ? charge : charge.id } satisfies T &
    Pick<DisputeRecord, 'charge_ref'>;
}

function idOf(reference: string | { id: string } | null): string | undefined {
  return typeof reference === 'string' ? reference : reference?.id;
}
