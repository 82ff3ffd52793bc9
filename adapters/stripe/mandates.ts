/** Mandates: the permission to debit a bank account, and some cards. */

import type { Stripe } from 'stripe';
import type { GatewayMandate } from '../../domain/ports.ts';
import { undefinedIfMissing, type StripeOptions } from './client.ts';

/** @throws gateway_unavailable, gateway_misconfigured */
export async function getMandate(
  stripe: Stripe,
  mandateRef: string,
  options: StripeOptions,
): Promise<GatewayMandate | undefined> {
  const mandate = await undefinedIfMissing(stripe.mandates.retrieve(mandateRef), options);
  if (mandate === undefined) return undefined;
  const { payment_method: method } = mandate;
  return { token: typeof method === 'string' ? method : method.id, state: stateOf(mandate) };
}

function stateOf({ status, type }: Stripe.Mandate): GatewayMandate['state'] {
  if (status === 'inactive') return type === 'single_use' ? 'spent' : 'ended';
  return status === 'active' ? 'active' : 'pending';
}
