/** Differences with the gateway that no rule may correct. */

import type { GatewayPaymentMethod } from '../ports.ts';

/**
 * The mismatches that an operator has to check, because the gateway's data do not show which side is right.
 * `unknown_there`: the gateway has no such method. `other_owner`: it is attached to another gateway customer.
 * `other_number`: other last digits, with no sign that the card was replaced.
 */
export const OTHER_OWNER = 'other_owner';
export const MISMATCHES = ['unknown_there', OTHER_OWNER, 'other_number'] as const;
export type Mismatch = (typeof MISMATCHES)[number];

/** The mismatch of a customer: the gateway has methods attached that were never in the wallet. */
export const UNKNOWN_HERE = 'unknown_here';

/**
 * Whether the gateway has the method attached to another customer.
 * @param owner the gateway customer that owns the wallet; `undefined`: not known yet
 */
export function isAttachedToOtherCustomer(
  { gateway_customer_ref: holder }: Pick<GatewayPaymentMethod, 'gateway_customer_ref'>,
  owner: string | undefined,
): boolean {
  return owner !== undefined && holder !== undefined && holder !== owner;
}

/** Whether the method is neither charged nor eligible as the default until an operator has checked it. */
export function isQuarantined({
  gateway_mismatch: mismatch,
}: {
  gateway_mismatch?: Mismatch | null;
}): boolean {
  return mismatch === OTHER_OWNER;
}
