/** What the gateway has differently, in a way that no rule may correct. */

import type { GatewayPaymentMethod } from '../ports.ts';

/**
 * What a person has to look at: no reading of the gateway says which side is right.
 * `unknown_there`: the gateway knows no such method. `other_owner`: it is attached to another of the gateway's customers.
 * `other_number`: other last digits, and nothing says that the card was replaced.
 */
export const OTHER_OWNER = 'other_owner';
export const MISMATCHES = ['unknown_there', OTHER_OWNER, 'other_number'] as const;
export type Mismatch = (typeof MISMATCHES)[number];

/** The same of a customer: the gateway has methods attached that were never in the wallet. */
export const UNKNOWN_HERE = 'unknown_here';

/**
 * Has the gateway attached a method to a customer other than ours?
 * @param owner the gateway's customer that the wallet belongs to; `undefined`: that is not known yet
 */
export function isAttachedToOtherCustomer(
  { gateway_customer_ref: holder }: Pick<GatewayPaymentMethod, 'gateway_customer_ref'>,
  owner: string | undefined,
): boolean {
  return owner !== undefined && holder !== undefined && holder !== owner;
}

/** May nothing be charged on it, and is it offered to none, until a person has looked at it? */
export function isQuarantined({
  gateway_mismatch: mismatch,
}: {
  gateway_mismatch?: Mismatch | null;
}): boolean {
  return mismatch === OTHER_OWNER;
}
