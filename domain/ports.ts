/** What adapters provide. The core and the activities know outside systems only through these interfaces. */

import type { DeclineCodes } from './decline/codes.ts';
import type { Dispute } from './disputes.ts';
import type { PaymentMethodType } from './payment-method.ts';
import type { ChargeResult } from './recovery/messages.ts';

/** What a charge came to. Declines are values; only a fault of ours throws. */
export type ChargeAnswer =
  /**
   * `gateway_ref`: the obligation's payment (`pi_…`); `charge_ref`: this attempt's charge (`ch_…`); `charged_token`: only
   * where the payment had succeeded before this attempt, with another method than the order's. `came_back`: only where
   * it was found by reading, and its money is not held any more.
   */
  | {
      result: 'approved';
      gateway_ref?: string;
      charge_ref?: string;
      charged_token?: string;
      came_back?: ReversalReason;
    }
  /** `payment_over`: the obligation's payment can take no more charges, and the next attempt creates another. */
  | {
      result: 'declined';
      gateway_ref?: string;
      charge_ref?: string;
      codes: DeclineCodes;
      payment_over?: true;
    }
  | { result: 'pending'; gateway_ref: string; charge_ref?: string }
  /** Nobody knows whether it was charged: timeout, connection lost after sending, 5xx, a key in use. */
  | { result: 'unknown'; gateway_ref?: string; reason: string }
  /**
   * Proven to have charged nothing. Mostly it never reached the gateway: connection refused, name not found, 429. Or the
   * obligation's payment was `cancelled` before, or `review`, a rule, says why a person has to decide first.
   */
  | {
      result: 'not_sent';
      reason: string;
      retry_after_ms?: number;
      cancelled?: CancelledPayment;
      review?: string;
    };

/** A payment on which nothing can succeed any more. */
export interface CancelledPayment {
  gateway_ref: string;
  /** Whoever cancelled it says that it is not to be collected, and why. */
  because?: string;
  /** It was not cancelled: it had succeeded before, and its money is not held any more. */
  came_back?: ReversalReason;
}

/**
 * Why a payment that has succeeded does not hold its whole amount: refunded, in full or in part; disputed, and not won
 * (a bank debit that was returned late, too); or captured in part.
 */
export type ReversalReason = 'refunded' | 'disputed' | 'partly_captured';

export interface ChargeOrder {
  /** The gateway's idempotency key of this attempt. */
  key: string;
  payment_id: string;
  customer_id: string;
  /** The obligation's one payment, if an earlier attempt created it: then it is confirmed with another method. */
  gateway_ref?: string;
  /** A person lets it be collected although a payment for it came back, or was withdrawn. */
  collect_again?: true;
  /** Since when it is owed, epoch milliseconds: what was withdrawn before is not about it. */
  opened_at?: number;
  gateway_customer_ref: string;
  token: string;
  /** ISO 4217 minor units, as every amount here; the adapter converts where its gateway counts differently. */
  amount: number;
  currency: string;
  /** The method's type in the gateway's own name (`card`, `link`, `us_bank_account`, …): all that the payment is to accept. */
  payment_method_type: string;
}

/** What is known of an attempt whose outcome is not: enough to find it at the gateway. */
export interface ChargeQuery {
  payment_id: string;
  /** The obligation's payment; only the attempt that was to create it can lack this. */
  gateway_ref?: string;
  gateway_customer_ref: string;
  token: string;
  /** Epoch milliseconds. */
  claimed_at: number;
}

/** What became of an attempt, as the gateway's records tell it. */
export type FoundCharge =
  | Extract<ChargeAnswer, { result: 'approved' | 'declined' | 'pending' }>
  /** The payment is there and this attempt left no charge on it: it never arrived. */
  | { result: 'not_charged'; gateway_ref: string; cancelled?: CancelledPayment }
  /** The gateway has no payment of this obligation (yet: a request may still be on its way). */
  | { result: 'absent' };

export type RefundAnswer =
  /** By this request, or already before. */
  | { result: 'refunded'; refund_ref: string }
  /** Accepted and not through yet. */
  | { result: 'pending'; refund_ref: string }
  /** `refund_ref`: of a refund that was begun, and failed at once. */
  | { result: 'refused'; reason: string; refund_ref?: string };

/** A refund as the gateway has it, whoever made it. */
export interface GatewayRefund {
  refund_ref: string;
  charge_ref?: string;
  /** Minor units. */
  amount: number;
  currency: string;
  /** `pending`: accepted, and not through yet. `failed`: nothing was given back, or it came back. */
  state: 'refunded' | 'pending' | 'failed';
  /** Why it failed. */
  reason?: string;
  /** The attempt whose second success Persona gives back with it; absent: others made it. */
  attempt_key?: string;
}

/** A payment as the gateway has it. */
export interface GatewayPayment {
  gateway_ref: string;
  /** `confirmable`: it has all that it needs, and somebody must only say so. */
  state: 'succeeded' | 'confirmable' | 'payable' | 'processing' | 'cancelled';
  /** It has succeeded, and does not hold its whole amount now. */
  came_back?: ReversalReason;
  /** It was cancelled, and whoever did it says that it is not to be collected. Epoch milliseconds. */
  withdrawn?: { because: string; created_at: number };
  gateway_customer_ref?: string;
  /** `metadata.payment_id`: the obligation that it was made for. */
  payment_id?: string;
  /** Its newest charge, and the method that it was to be paid with last. */
  charge_ref?: string;
  token?: string;
  /** When its newest charge was made, epoch milliseconds; absent where it was only listed. */
  charged_at?: number;
  amount: number;
  currency: string;
}

/** A payment method as the gateway has it; absent fields are unknown there. */
export interface GatewayPaymentMethod {
  token: string;
  type: PaymentMethodType;
  /** The gateway's own name for the type. */
  gateway_type?: string;
  gateway_customer_ref?: string;
  brand?: string;
  network?: string;
  last_four?: string;
  expiry_month?: number;
  expiry_year?: number;
  funding?: string;
  country?: string;
  instrument_fingerprint?: string;
}

/** The permission to debit a method, as the gateway has it. */
export interface GatewayMandate {
  /** Of the method that it is for. */
  token: string;
  /** `ended`: nothing may be debited under it any more. One for a single payment is `spent` by that, which revokes nothing. */
  state: 'active' | 'pending' | 'ended' | 'spent';
}

/** A contested charge, or one that the card's bank calls fraud, with the method that was charged. */
export interface GatewayDispute extends Dispute {
  token?: string;
  /** As it was when the method was charged. */
  instrument_fingerprint?: string;
  gateway_customer_ref?: string;
  /** From the metadata of the charge. */
  payment_id?: string;
}

export type AttachAnswer =
  | { result: 'attached'; method: GatewayPaymentMethod }
  /** The gateway will not take it: declined, unknown there, or attached to another of its customers. */
  | { result: 'refused'; reason: 'declined' | 'not_found' | 'other_customer'; codes: DeclineCodes };

/**
 * `refused`: the card cannot have that date. `not_attached`: the gateway does not change it, since nobody there has it, or
 * nobody any more.
 */
export type MethodChangeAnswer = 'updated' | 'refused' | 'not_attached';

/** Whether charges are sent: all, one on trial, or none because the gateway failed at too many. */
export type BreakerState = 'closed' | 'half_open' | 'open';

export interface PaymentGateway {
  /** Creates the obligation's payment and confirms it, or confirms the existing one with another method. Never retried here. */
  charge(order: ChargeOrder, options: { timeoutMs: number; signal?: AbortSignal }): Promise<ChargeAnswer>;
  /** `undefined`: unknown at the gateway. @throws gateway_unavailable */
  readPayment(gatewayRef: string): Promise<GatewayPayment | undefined>;
  /**
   * The customer's payments that were created since then (epoch milliseconds), the newest first.
   * @throws gateway_unavailable, gateway_misconfigured
   */
  paymentsOf(
    gatewayCustomerRef: string,
    since: number,
    options: { signal?: AbortSignal },
  ): Promise<GatewayPayment[]>;
  /**
   * Cancels the obligation's payment, so that nothing can succeed on it any more; the checkout page that it belongs to, too.
   * By one try, without an idempotency key: a payment is cancelled once, and a refusal is not to be replayed.
   */
  cancelPayment(gatewayRef: string): Promise<'cancelled' | 'already_succeeded' | 'unknown'>;
  /** Finds out what became of an attempt, by reading alone. @throws gateway_unavailable, gateway_misconfigured */
  findCharge(query: ChargeQuery, options?: { signal?: AbortSignal }): Promise<FoundCharge>;
  /**
   * Gives back a whole charge; the refund names its payment and its attempt.
   * @throws gateway_unavailable, gateway_misconfigured
   */
  refundCharge(input: {
    charge_ref: string;
    key: string;
    payment_id: string;
    attempt_key: string;
  }): Promise<RefundAnswer>;
  /** What was given back of a payment, the oldest first. @throws gateway_unavailable, gateway_misconfigured */
  refundsOf(gatewayRef: string): Promise<GatewayRefund[]>;
  /** @throws gateway_unavailable, gateway_misconfigured */
  createCustomer(input: { customer_id: string; key: string }): Promise<{ gateway_customer_ref: string }>;
  /**
   * The id in a customer's metadata at the gateway: whom `createCustomer` made it for, or whom others know by it.
   * `undefined`: none, or nobody there.
   * @throws gateway_unavailable, gateway_misconfigured
   */
  ownerOf(gatewayCustomerRef: string): Promise<string | undefined>;
  /**
   * `no_customer`: there is nobody there to attach it to.
   * @throws gateway_unavailable, gateway_misconfigured
   */
  attachPaymentMethod(input: {
    token: string;
    gateway_customer_ref: string;
    key: string;
  }): Promise<AttachAnswer | { result: 'no_customer' }>;
  /**
   * Gives a card another date. Without an idempotency key: the same change twice is one change, and a key would replay the
   * fault of the first try. What the card is like then is to be read.
   * @throws gateway_unavailable, gateway_misconfigured
   */
  updatePaymentMethod(input: {
    token: string;
    expiry_month: number;
    expiry_year: number;
  }): Promise<MethodChangeAnswer>;
  /** Takes a method from its customer there, for good. @throws gateway_unavailable, gateway_misconfigured */
  detachPaymentMethod(token: string): Promise<'detached' | 'not_attached'>;
  /** `undefined`: unknown at the gateway. @throws gateway_unavailable, gateway_misconfigured */
  getPaymentMethod(token: string): Promise<GatewayPaymentMethod | undefined>;
  /** `undefined`: unknown at the gateway. @throws gateway_unavailable, gateway_misconfigured */
  getMandate(mandateRef: string): Promise<GatewayMandate | undefined>;
  /** `undefined`: unknown at the gateway. @throws gateway_unavailable, gateway_misconfigured */
  getDispute(disputeRef: string): Promise<GatewayDispute | undefined>;
  /** The same for an early warning of fraud. */
  getFraudWarning(warningRef: string): Promise<GatewayDispute | undefined>;
}

/** What the gateway tells of a payment by itself. */
export interface GatewayUpdate {
  about: 'payment';
  event_id: string;
  result: ChargeResult['result'];
  /** Of a decline. */
  codes: DeclineCodes;
  gateway_ref: string;
  /** RFC 3339. */
  occurred_at?: string;
  gateway_customer_ref?: string;
  /** As whoever created the payment named it. */
  payment_id?: string;
  /** The idempotency key of the request that led to it: an attempt's, or another. */
  request_key?: string;
  /** The method that it was to be charged on. */
  token?: string;
}

/** A payment method has other details, or another customer, or none any more. */
export interface MethodUpdate {
  about: 'payment_method';
  event_id: string;
  token: string;
}

/** The permission to debit a method has changed. */
export interface MandateUpdate {
  about: 'mandate';
  event_id: string;
  token: string;
  mandate_ref: string;
}

/** Something of a payment was given back, or that has failed. */
export interface RefundUpdate {
  about: 'refund';
  event_id: string;
  /** The payment. */
  gateway_ref: string;
  charge_ref?: string;
  /** As whoever created the payment or the refund named it. */
  payment_id?: string;
  /** The attempt that the refund names. */
  attempt_key?: string;
}

/** A charge is contested, or its card's bank says that it may be fraud. Neither says which method was charged. */
export interface DisputeUpdate {
  about: 'dispute' | 'fraud_warning';
  event_id: string;
  dispute_ref: string;
  charge_ref: string;
}

/** What the gateway tells by itself: a reason to read it there, and no more. */
export type GatewayEvent = GatewayUpdate | MethodUpdate | MandateUpdate | RefundUpdate | DisputeUpdate;

export interface WebhookReader {
  /**
   * `body`: as received. `undefined`: nothing that Persona acts on.
   * @throws signature_refused (nobody signed it, somebody else did, or more than five minutes ago), malformed_request
   */
  read(body: Uint8Array, signature: string | undefined): GatewayEvent | undefined;
}

/** Notices about a payment. */
export type PaymentNoticeTemplate =
  | 'payment_declined_update_card'
  | 'payment_stopped'
  | 'authenticate'
  | 'no_alternative'
  | 'all_declined'
  | 'recovered'
  | 'reminder'
  | 'recovery_ended'
  | 'refund_issued';
/** Notices about the customer's account. */
export type AccountNoticeTemplate = 'account_suspended';
/** Notices about a card whose month ends, and about no payment. */
export type CardNoticeTemplate = 'card_expiring' | 'card_expired';
export type NoticeTemplate = PaymentNoticeTemplate | AccountNoticeTemplate | CardNoticeTemplate;

export interface NoticeMethod {
  brand: string;
  last_four: string;
}

/** What a template about a payment may speak of; nothing in here ever says why a bank declined. */
export interface NoticeData {
  /** Minor units. */
  amount: number;
  /** For people, e.g. `€12.50`. */
  amount_text: string;
  currency: string;
  payment_id: string;
  description?: string;
  failed_method: NoticeMethod;
  /** In `refund_issued` the method that was charged too much, and gets the money back. */
  charged_method?: NoticeMethod;
  new_default?: NoticeMethod;
  link: string;
  closes_at?: string;
}

/** What a template about the account may speak of: never why. */
export type AccountNoticeData = Pick<NoticeData, 'link'>;

/** The same for a card whose month ends. */
export interface CardNoticeData {
  payment_method: NoticeMethod;
  /** Until the end of which month it is good: `YYYY-MM`. */
  expires: string;
  link: string;
}

export type NoticeDataOf = Record<PaymentNoticeTemplate, NoticeData> &
  Record<AccountNoticeTemplate, AccountNoticeData> &
  Record<CardNoticeTemplate, CardNoticeData>;

/** A finished message, as the receiver of the webhook gets it. */
export interface Notice {
  notification_id: string;
  customer_id: string;
  to: string;
  channel: 'email' | 'sms';
  template: NoticeTemplate;
  locale: string;
  subject: string;
  text: string;
  html: string;
  data: NoticeData | AccountNoticeData | CardNoticeData;
  /** RFC 3339. */
  created_at: string;
}

export interface Notifier {
  /**
   * Does the receiver tell a repeat by the notification's id? Then a notice may be handed over again when nobody knows
   * how the last try ended; otherwise that could be the same message twice.
   */
  readonly deduplicates: boolean;
  /**
   * Resolves when the receiver took it.
   * @throws notifier_unavailable (try later), notice_refused (final), notice_in_doubt (it may have been taken, and a
   * repeat would not be recognised)
   */
  deliver(notice: Notice, options?: { signal?: AbortSignal }): Promise<void>;
}

export interface Chimera {
  /** @throws chimera_unavailable */
  initiateBehavioralProfile(input: {
    customer_id: string;
    snapshot: string;
  }): Promise<{ baseline_data_ref: string }>;
  /** @throws chimera_unavailable */
  reportSuspectedFraud(input: SuspectedFraud): Promise<void>;
}

export interface SuspectedFraud {
  /** Chimera's deduplication key. */
  event_id: string;
  customer_id: string;
  payment_method_id: string;
  /** The payment that was declined, or whose charge is contested, where it is known. */
  payment_id?: string;
  /** Of the decline that raised the suspicion, or the reason of the dispute. */
  code?: string;
  /** RFC 3339. */
  occurred_at: string;
}
