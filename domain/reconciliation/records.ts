/** What the gateway's own lists tell, page by page. */

import type { GatewayDispute, GatewayUpdate, GatewayPaymentMethod, RefundUpdate } from '../ports.ts';
import type { AttachedMethod } from './methods.ts';

/** `next`: where the following page begins; absent after the last one. */
export interface RecordPage<T> {
  items: T[];
  next?: string;
}

/** A span of creation times, epoch milliseconds: from `since` on, and before `until`. */
export interface TimeRange {
  since: number;
  until: number;
}

/** A charge as news of its payment. */
export type ChargeRecord = Omit<GatewayUpdate, 'event_id'> & {
  charge_ref: string;
  /** Epoch milliseconds: the whole second in which it was made. */
  made_at: number;
};

/** A refund as news of it, and how it stands. */
export type RefundRecord = Omit<RefundUpdate, 'event_id'> & {
  refund_ref: string;
  state: 'refunded' | 'pending' | 'failed';
};

/** A dispute, or an early warning of fraud, of a charge. */
export type DisputeRecord = GatewayDispute & { charge_ref: string };

/** Lists, the newest first. @throws gateway_unavailable, gateway_misconfigured, each of them */
export interface GatewayRecords {
  /** The methods that are attached to a customer; `undefined`: there is none of that reference. */
  methodsOf(
    gatewayCustomerRef: string,
    after: string | undefined,
  ): Promise<RecordPage<AttachedMethod> | undefined>;
  /** `undefined`: unknown at the gateway. */
  getPaymentMethod(token: string): Promise<GatewayPaymentMethod | undefined>;
  /** Charges of payments; those that others made without a payment are left out. */
  charges(range: TimeRange, after: string | undefined): Promise<RecordPage<ChargeRecord>>;
  refunds(range: TimeRange, after: string | undefined): Promise<RecordPage<RefundRecord>>;
  disputes(range: TimeRange, after: string | undefined): Promise<RecordPage<DisputeRecord>>;
  fraudWarnings(range: TimeRange, after: string | undefined): Promise<RecordPage<DisputeRecord>>;
}
