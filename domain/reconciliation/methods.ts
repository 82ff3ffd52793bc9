/** Compares a payment method in the graph with the gateway's (docs/reference/workflows.md, 'reconcilePaymentMethods'). */

import { isExpiryUpdateOverdue } from '../method-change.ts';
import { type StoredDetails, newerDetails } from '../method-details.ts';
import type { PaymentMethodStatus } from '../payment-method.ts';
import type { GatewayPaymentMethod } from '../ports.ts';
import { isAttachedToOtherCustomer, type Mismatch, OTHER_OWNER } from './mismatches.ts';

/** A method of the wallet; `gateway_mismatch`: the result of an earlier comparison. */
export interface StoredMethod extends StoredDetails {
  payment_method_id: string;
  /** When a new expiry date was requested at the gateway, RFC 3339; `null`: none is pending. */
  expiry_wanted_at: string | null;
  status: PaymentMethodStatus;
  gateway_mismatch: Mismatch | null;
}

export type Comparison =
  | { is: 'same' }
  /** The gateway has newer details in these fields. */
  | { is: 'newer'; fields: string[] }
  /** A requested expiry date is overdue: it was not set at the gateway, or not recorded here. */
  | { is: 'unfinished' }
  /** It is no longer attached to a customer at the gateway. */
  | { is: 'detached' }
  | { is: 'mismatch'; mismatch: Mismatch };

/** A method that the gateway lists under a customer. */
export interface AttachedMethod extends GatewayPaymentMethod {
  /** Epoch milliseconds. */
  created_at: number;
}

const HOUR_MS = 3_600_000;
/** A removal detaches within seconds; one that takes longer than this waits for the gateway, or its run was lost. */
const DETACH_GRACE_MS = HOUR_MS;
/** A new method is verified within seconds; one that takes longer than this waits for the gateway, or its run was lost. */
const VERIFICATION_GRACE_MS = HOUR_MS;
/** A client that first creates a method at the gateway adds it here within minutes; later after an outage of Persona. */
const HANDOVER_GRACE_MS = 24 * HOUR_MS;

/**
 * Classifies a method that is attached at the gateway. `left_behind`: removed here, still attached there. `under_way`: it
 * is being verified, added or detached.
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
 * Whether the verification of a new method is overdue.
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
 * @param found `undefined`: unknown at the gateway
 * @param owner the gateway customer that owns the wallet
 * @param now epoch milliseconds
 */
export function compareMethod(
  stored: Readonly<StoredMethod>,
  found: GatewayPaymentMethod | undefined,
  owner: string,
  now: number,
): Comparison {
  // Its verification reads it and records the result.
  if (stored.status === 'unverified') return { is: 'same' };
  if (found === undefined) return { is: 'mismatch', mismatch: 'unknown_there' };
  if (found.gateway_customer_ref === undefined) return { is: 'detached' };
  if (isAttachedToOtherCustomer(found, owner)) return { is: 'mismatch', mismatch: OTHER_OWNER };
  const fields = Object.keys(newerDetails(stored, found)).filter((field) => field !== 'gateway_customer_ref');
  // A card that its network replaced has a new fingerprint along with its new number.
  if (
    stored.last_four !== null &&
    fields.includes('last_four') &&
    !fields.includes('instrument_fingerprint')
  ) {
    return { is: 'mismatch', mismatch: 'other_number' };
  }
  if (fields.length > 0) return { is: 'newer', fields };
  return { is: isExpiryUpdateOverdue(stored, now) ? 'unfinished' : 'same' };
}
