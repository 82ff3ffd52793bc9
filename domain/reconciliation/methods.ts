/** One payment method, as the graph has it and as the gateway does (specification: workflows, 6). */

import { isExpiryChangeOverdue } from '../method-change.ts';
import { type StoredDetails, newerDetails } from '../method-details.ts';
import type { PaymentMethodStatus } from '../payment-method.ts';
import type { GatewayPaymentMethod } from '../ports.ts';
import { isAttachedToOtherCustomer, type Mismatch, OTHER_OWNER } from './mismatches.ts';

/** A method of the wallet; `gateway_mismatch`: what an earlier comparison has found. */
export interface StoredMethod extends StoredDetails {
  payment_method_id: string;
  /** Since when it is to be given another date there, RFC 3339; `null`: it is not. */
  expiry_wanted_at: string | null;
  status: PaymentMethodStatus;
  gateway_mismatch: Mismatch | null;
}

export type Comparison =
  | { is: 'same' }
  /** The gateway has newer details; which. */
  | { is: 'newer'; fields: string[] }
  /** A change of its date that was asked for long ago has not been made, or not been written down. */
  | { is: 'unfinished' }
  /** It is attached to no customer there any more. */
  | { is: 'detached' }
  | { is: 'mismatch'; mismatch: Mismatch };

/** A method as the gateway lists it under its customer. */
export interface AttachedMethod extends GatewayPaymentMethod {
  /** Epoch milliseconds. */
  created_at: number;
}

const HOUR_MS = 3_600_000;
/** A removal detaches within seconds; one that has not done so by then waits for the gateway, or its run was lost. */
const DETACH_GRACE_MS = HOUR_MS;
/** A new method is verified within seconds; one that is not by then waits for the gateway, or its run was lost. */
const VERIFICATION_GRACE_MS = HOUR_MS;
/** A client that makes a method at the gateway first hands it over within minutes; after an outage of ours, later. */
const HANDOVER_GRACE_MS = 24 * HOUR_MS;

/**
 * What a method that is attached there is to the wallet. `left_behind`: removed here and still there. `under_way`: it is
 * being verified, handed over or detached.
 * @param entry `undefined`: it was never in the wallet
 * @param now epoch milliseconds
 */
export function classifyAttachment(
  entry: { status: PaymentMethodStatus; removed_at: string | null } | undefined,
  { created_at }: Pick<AttachedMethod, 'created_at'>,
  now: number,
): 'held' | 'under_way' | 'left_behind' | 'unknown' {
  if (entry === undefined) return now - created_at < HANDOVER_GRACE_MS ? 'under_way' : 'unknown';
  const { status, removed_at } = entry;
  if (removed_at === null) return status === 'unverified' ? 'under_way' : 'held';
  return now - Date.parse(removed_at) < DETACH_GRACE_MS ? 'under_way' : 'left_behind';
}

/**
 * Does a new method still wait for a verification that should have come long ago?
 * @param now epoch milliseconds
 */
export function isVerificationOverdue(
  {
    status,
    removed_at,
    updated_at,
  }: { status: PaymentMethodStatus; removed_at: string | null; updated_at: string },
  now: number,
): boolean {
  return (
    status === 'unverified' && removed_at === null && now - Date.parse(updated_at) >= VERIFICATION_GRACE_MS
  );
}

/**
 * @param found `undefined`: the gateway knows no such method
 * @param owner the gateway's customer that the wallet belongs to
 * @param now epoch milliseconds
 */
export function compareMethod(
  stored: Readonly<StoredMethod>,
  found: GatewayPaymentMethod | undefined,
  owner: string,
  now: number,
): Comparison {
  // Its verification reads it, and writes what it finds.
  if (stored.status === 'unverified') return { is: 'same' };
  if (found === undefined) return { is: 'mismatch', mismatch: 'unknown_there' };
  if (found.gateway_customer_ref === undefined) return { is: 'detached' };
  if (isAttachedToOtherCustomer(found, owner)) return { is: 'mismatch', mismatch: OTHER_OWNER };
  const fields = Object.keys(newerDetails(stored, found)).filter((field) => field !== 'gateway_customer_ref');
  // A card that its network has replaced has another fingerprint with its other number.
  if (
    stored.last_four !== null &&
    fields.includes('last_four') &&
    !fields.includes('instrument_fingerprint')
  ) {
    return { is: 'mismatch', mismatch: 'other_number' };
  }
  if (fields.length > 0) return { is: 'newer', fields };
  return { is: isExpiryChangeOverdue(stored, now) ? 'unfinished' : 'same' };
}
