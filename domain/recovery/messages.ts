/** Messages from other agents about a payment. The same object over REST, gRPC and Temporal signals. */

import type { DeclineCodes } from '../decline/codes.ts';
import type { Network } from '../payment-method.ts';

/** The codes and text of a decline, as another agent reports them. */
export interface ReportedCodes extends DeclineCodes {
  network?: Network;
}

export interface PaymentFailed extends ReportedCodes {
  event_id: string;
  payment_id: string;
  customer_id: string;
  /** Persona's id of the method that failed. */
  payment_method_id: string;
  /** Minor units, > 0. */
  amount: number;
  /** ISO 4217. */
  currency: string;
  kind: 'recurring' | 'one_time';
  /** RFC 3339. */
  occurred_at: string;
  status?: 'declined' | 'unknown' | 'pending';
  gateway_payment_ref?: string;
  /** At most 200 characters; shown to the customer. */
  description?: string;
}

export interface PaymentSettled {
  event_id: string;
  payment_id: string;
  customer_id: string;
  settled_at: string;
  gateway_payment_ref?: string;
}

/** A charge's outcome from the gateway's webhook, verified by reading the gateway before it has any effect. */
export interface ChargeResult extends DeclineCodes {
  event_id: string;
  payment_id: string;
  /** The attempt's idempotency key, if the update can be traced to one. */
  attempt_key?: string;
  /** The gateway's payment: the obligation's own, or an external one. */
  gateway_ref: string;
  /** RFC 3339; absent: when it is received. */
  occurred_at?: string;
  /** `cancelled`: the payment was cancelled and accepts no more charges. */
  result: 'approved' | 'declined' | 'pending' | 'cancelled';
}

/** Whether a payment succeeded that, as far as the sender knows, has no attempt of Persona's. */
export function isExternalPayment({ result, attempt_key, gateway_ref }: Partial<ChargeResult>): boolean {
  return result === 'approved' && attempt_key === undefined && typeof gateway_ref === 'string';
}

/** An operator's resolution of an unresolved attempt: update `resolveUnknown`. */
export interface Resolution {
  attempt_key: string;
  result: 'approved' | 'declined';
  actor: string;
  evidence: string;
}
