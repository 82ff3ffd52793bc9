/** The gateway's lists, page by page. */

import type { GatewayDispute, PaymentUpdate, GatewayPaymentMethod, RefundUpdate } from '../ports.ts';
import type { AttachedMethod } from './methods.ts';

/** `next`: the cursor of the next page; absent on the last one. */
export interface RecordPage<T> {
  items: T[];
  next?: string;
}

/** A range of creation times, epoch milliseconds: `since` inclusive, `until` exclusive. */
export interface TimeRange {
  since: number;
  until: number;
}

/** A charge, as an update of its payment. */
export type ChargeRecord = Omit<PaymentUpdate, 'event_id'> & {
  charge_ref: string;
  /** Epoch milliseconds: when it was made, to the second. */
  made_at: number;
};

/** A refund, as an update, with its state. */
export type RefundRecord = Omit<RefundUpdate, 'event_id'> & {
  refund_ref: string;
  state: 'refunded' | 'pending' | 'failed';
};

/** A charge's dispute or early fraud warning. */
export type DisputeRecord = GatewayDispute & { charge_ref: string };

/** Lists, newest first. Every method @throws gateway_unavailable, gateway_misconfigured */
export interface GatewayRecords {
  /** The methods attached to a customer; `undefined`: no customer has that reference. */
  methodsOf(
    gatewayCustomerRef: string,
    after: string | undefined,
  ): Promise<RecordPage<AttachedMethod> | undefined>;
  /** `undefined`: unknown at the gateway. */
  getPaymentMethod(token: string): Promise<GatewayPaymentMethod | undefined>;
  /** Charges of payments; other systems' charges without a payment are left out. */
  charges(range: TimeRange, after: string | undefined): Promise<RecordPage<ChargeRecord>>;
  refunds(range: TimeRange, after: string | undefined): Promise<RecordPage<RefundRecord>>;
  disputes(range: TimeRange, after: string | undefined): Promise<RecordPage<DisputeRecord>>;
  fraudWarnings(range: TimeRange, after: string | undefined): Promise<RecordPage<DisputeRecord>>;
}
