/** Disputes, and the early fraud warnings that card networks pass on. */

import type { Stripe } from 'stripe';
import type { GatewayDispute } from '../../domain/ports.ts';
import { disputeState } from './reversals.ts';
import { undefinedIfMissing, type StripeOptions } from './client.ts';

/** @throws gateway_unavailable, gateway_misconfigured (also for a key without permission to read disputes) */
export async function getDispute(
  stripe: Stripe,
  disputeRef: string,
  options: StripeOptions,
): Promise<GatewayDispute | undefined> {
  const dispute = await undefinedIfMissing(
    stripe.disputes.retrieve(disputeRef, { expand: ['charge'] }),
    options,
  );
  return dispute && disputeOf(dispute);
}

/** @param dispute with its charge expanded */
export function disputeOf({ id, reason, status, charge }: Stripe.Dispute): GatewayDispute {
  return { dispute_ref: id, reason, state: disputeState(status), ...chargeOf(charge) };
}

/** @throws gateway_unavailable, gateway_misconfigured (also for a key without permission to read them) */
export async function getFraudWarning(
  stripe: Stripe,
  warningRef: string,
  options: StripeOptions,
): Promise<GatewayDispute | undefined> {
  const reading = stripe.radar.earlyFraudWarnings.retrieve(warningRef, { expand: ['charge'] });
  const warning = await undefinedIfMissing(reading, options);
  return warning && fraudWarningOf(warning);
}

/** @param warning with its charge expanded */
export function fraudWarningOf(warning: Stripe.Radar.EarlyFraudWarning): GatewayDispute {
  const { id: dispute_ref, fraud_type: reason, charge } = warning;
  return { dispute_ref, reason, state: 'early_warning', ...chargeOf(charge) };
}

type ChargedMethod = Omit<GatewayDispute, 'dispute_ref' | 'reason' | 'state'>;

/** The charged method and its owner. A charge keeps the method's details as of then. */
function chargeOf(charge: string | Stripe.Charge): ChargedMethod {
  if (typeof charge === 'string') return {};
  const { payment_method: token, customer, metadata, payment_method_details: details } = charge;
  const gateway_customer_ref = typeof customer === 'string' ? customer : customer?.id;
  const own =
    details && (details as unknown as Record<string, { fingerprint?: string | null }>)[details.type];
  return {
    ...(token && { token }),
    ...(gateway_customer_ref && { gateway_customer_ref }),
    ...(own?.fingerprint && { instrument_fingerprint: own.fingerprint }),
    ...(metadata.payment_id && { payment_id: metadata.payment_id }),
  };
}
