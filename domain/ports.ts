/** The interfaces that adapters implement. The core and the activities reach external systems only through them. */

import type { DeclineCodes } from './decline/codes.ts';
import type { Dispute } from './disputes.ts';
import type { PaymentMethodType } from './payment-method.ts';
import type { ChargeResult } from './recovery/messages.ts';

/** The result of a charge. Declines are values; only a fault of Persona's own throws. */
export type ChargeAnswer =
  /**
   * `gateway_ref`: the obligation's payment (`pi_…`); `charge_ref`: this attempt's charge (`ch_…`); `charged_token`: only
   * if the payment had succeeded before this attempt, with another method than the order's. `reversal`: only if the
   * success was found by reading and has been reversed.
   */
  | {
      result: 'approved';
      gateway_ref?: string;
      charge_ref?: string;
      charged_token?: string;
      reversal?: ReversalReason;
    }
  /** `payment_over`: the obligation's payment cannot be charged again, and the next attempt creates a new one. */
  | {
      result: 'declined';
      gateway_ref?: string;
      charge_ref?: string;
      codes: DeclineCodes;
      payment_over?: true;
    }
  | { result: 'pending'; gateway_ref: string; charge_ref?: string }
  /** It is unknown whether it was charged: timeout, connection lost after sending, 5xx, a key in use. */
  | { result: 'unknown'; gateway_ref?: string; reason: string }
  /**
   * Proven to have charged nothing. Usually it never reached the gateway: connection refused, name not found, 429. Or the
   * obligation's payment was `cancelled` before, or `review` names the rule by which an operator has to decide first.
   */
  | {
      result: 'not_sent';
      reason: string;
      retry_after_ms?: number;
      cancelled?: CancelledPayment;
      review?: string;
    };

/** A payment on which no charge can succeed any more. */
export interface CancelledPayment {
  gateway_ref: string;
  /** The cancellation reason, if it says that the amount is not to be collected. */
  because?: string;
  /** It was not cancelled: it had succeeded before and has been reversed. */
  reversal?: ReversalReason;
}

/**
 * Why a succeeded payment does not hold its full amount: refunded, in full or in part; disputed and not won (including a
 * bank debit returned late); or captured in part.
 */
export type ReversalReason = 'refunded' | 'disputed' | 'partly_captured';

export interface ChargeOrder {
  /** The gateway's idempotency key of this attempt. */
  key: string;
  payment_id: string;
  customer_id: string;
  /** The obligation's payment, if an earlier attempt created it: it is then confirmed with another method. */
  gateway_ref?: string;
  /** An operator allows collection although a payment for it was reversed or withdrawn. */
  collect_again?: true;
  /** Since when it is owed, epoch milliseconds: a withdrawal before that does not concern it. */
  opened_at?: number;
  gateway_customer_ref: string;
  token: string;
  /** ISO 4217 minor units, like every amount here; the adapter converts where the gateway's units differ. */
  amount: number;
  currency: string;
  /** The gateway's name of the method's type (`card`, `link`, `us_bank_account`, …), the only type the payment accepts. */
  payment_method_type: string;
}

/** The details of an unresolved attempt by which it is found at the gateway. */
export interface ChargeQuery {
  payment_id: string;
  /** The obligation's payment; absent only for the attempt that was to create it. */
  gateway_ref?: string;
  gateway_customer_ref: string;
  token: string;
  /** Epoch milliseconds. */
  claimed_at: number;
}

/** The outcome of an attempt according to the gateway's records. */
export type FoundCharge =
  | Extract<ChargeAnswer, { result: 'approved' | 'declined' | 'pending' }>
  /** The payment exists without a charge from this attempt: the request never arrived. */
  | { result: 'not_charged'; gateway_ref: string; cancelled?: CancelledPayment }
  /** The gateway has no payment for this obligation (yet: a request may still be in transit). */
  | { result: 'absent' };

export type RefundAnswer =
  /** Refunded by this request or before. */
  | { result: 'refunded'; refund_ref: string }
  /** Accepted, not completed yet. */
  | { result: 'pending'; refund_ref: string }
  /** `refund_ref`: of a refund that was created and failed immediately. */
  | { result: 'refused'; reason: string; refund_ref?: string };

/** A refund as the gateway has it, from any source. */
export interface GatewayRefund {
  refund_ref: string;
  charge_ref?: string;
  /** Minor units. */
  amount: number;
  currency: string;
  /** `pending`: accepted, not completed yet. `failed`: no money was refunded, or it was returned. */
  state: 'refunded' | 'pending' | 'failed';
  /** Why it failed. */
  reason?: string;
  /** The attempt whose second success Persona refunds with it; absent: another system made the refund. */
  attempt_key?: string;
}

/** A payment as the gateway has it. */
export interface GatewayPayment {
  gateway_ref: string;
  /** `confirmable`: complete, only its confirmation is missing. */
  state: 'succeeded' | 'confirmable' | 'payable' | 'processing' | 'cancelled';
  /** It has succeeded and no longer holds its full amount. */
  reversal?: ReversalReason;
  /** It was cancelled for a reason that forbids collecting the amount. `created_at`: epoch milliseconds. */
  withdrawn?: { because: string; created_at: number };
  gateway_customer_ref?: string;
  /** `metadata.payment_id`: the obligation that it was created for. */
  payment_id?: string;
  /** Its latest charge, and the method last used for it. */
  charge_ref?: string;
  token?: string;
  /** When its latest charge was made, epoch milliseconds; absent if the payment was only listed. */
  charged_at?: number;
  amount: number;
  currency: string;
}

/** A payment method as the gateway has it; absent fields are unknown to the gateway. */
export interface GatewayPaymentMethod {
  token: string;
  type: PaymentMethodType;
  /** The gateway's name for the type. */
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

/** A mandate to debit a method, as the gateway has it. */
export interface GatewayMandate {
  /** The method that it is for. */
  token: string;
  /** `ended`: no debits are allowed any more. `spent`: a single-use mandate that was used, which revokes nothing. */
  state: 'active' | 'pending' | 'ended' | 'spent';
}

/** A dispute or an early fraud warning, with the charged method. */
export interface GatewayDispute extends Dispute {
  token?: string;
  /** The fingerprint at the time of the charge. */
  instrument_fingerprint?: string;
  gateway_customer_ref?: string;
  /** From the charge's metadata. */
  payment_id?: string;
}

export type AttachAnswer =
  | { result: 'attached'; method: GatewayPaymentMethod }
  /** The gateway refuses the method: declined, unknown there, or attached to another gateway customer. */
  | { result: 'refused'; reason: 'declined' | 'not_found' | 'other_customer'; codes: DeclineCodes };

/**
 * `refused`: the card cannot have that date. `not_attached`: the gateway cannot change it, because it is not attached to a
 * customer there, or no longer is.
 */
export type MethodUpdateAnswer = 'updated' | 'refused' | 'not_attached';

/** Whether charges are sent: all (`closed`), one on trial, or none after too many gateway failures (`open`). */
export type BreakerState = 'closed' | 'half_open' | 'open';

export interface PaymentGateway {
  /** Creates and confirms the obligation's payment, or confirms the existing one with another method. Never retried here. */
  charge(order: ChargeOrder, options: { timeoutMs: number; signal?: AbortSignal }): Promise<ChargeAnswer>;
  /** `undefined`: unknown at the gateway. @throws gateway_unavailable */
  readPayment(gatewayRef: string): Promise<GatewayPayment | undefined>;
  /**
   * The customer's payments created since then (epoch milliseconds), newest first.
   * @throws gateway_unavailable, gateway_misconfigured
   */
  paymentsOf(
    gatewayCustomerRef: string,
    since: number,
    options: { signal?: AbortSignal },
  ): Promise<GatewayPayment[]>;
  /**
   * Cancels the obligation's payment, and the checkout page it belongs to, so that no charge can succeed on it any more.
   * One request without an idempotency key: a payment is cancelled only once, and a refusal must not be replayed.
   */
  cancelPayment(gatewayRef: string): Promise<'cancelled' | 'already_succeeded' | 'unknown'>;
  /** Determines the outcome of an attempt by reading only. @throws gateway_unavailable, gateway_misconfigured */
  findCharge(query: ChargeQuery, options?: { signal?: AbortSignal }): Promise<FoundCharge>;
  /**
   * Refunds a whole charge; the refund names its payment and its attempt.
   * @throws gateway_unavailable, gateway_misconfigured
   */
  refundCharge(input: {
    charge_ref: string;
    key: string;
    payment_id: string;
    attempt_key: string;
  }): Promise<RefundAnswer>;
  /** The refunds of a payment, oldest first. @throws gateway_unavailable, gateway_misconfigured */
  refundsOf(gatewayRef: string): Promise<GatewayRefund[]>;
  /** @throws gateway_unavailable, gateway_misconfigured */
  createCustomer(input: { customer_id: string; key: string }): Promise<{ gateway_customer_ref: string }>;
  /**
   * The customer id in a gateway customer's metadata: set by `createCustomer` or by another system. `undefined`: no such
   * id, or no such gateway customer.
   * @throws gateway_unavailable, gateway_misconfigured
   */
  ownerOf(gatewayCustomerRef: string): Promise<string | undefined>;
  /**
   * `no_customer`: the gateway customer does not exist.
   * @throws gateway_unavailable, gateway_misconfigured
   */
  attachPaymentMethod(input: {
    customer_id: string;
    token: string;
    gateway_customer_ref: string;
    key: string;
  }): Promise<AttachAnswer | { result: 'no_customer' }>;
  /**
   * Sets a card's expiry date. Without an idempotency key: the same change twice is one change, and a key would replay the
   * first request's failure. The card's resulting details have to be read.
   * @throws gateway_unavailable, gateway_misconfigured
   */
  updatePaymentMethod(input: {
    customer_id: string;
    token: string;
    expiry_month: number;
    expiry_year: number;
  }): Promise<MethodUpdateAnswer>;
  /**
   * Deletes a gateway customer, which detaches its methods and ends its subscriptions.
   * @throws gateway_unavailable, gateway_misconfigured
   */
  deleteCustomer(gatewayCustomerRef: string): Promise<'deleted' | 'absent'>;
  /** Detaches a method from its gateway customer permanently. @throws gateway_unavailable, gateway_misconfigured */
  detachPaymentMethod(token: string): Promise<'detached' | 'not_attached'>;
  /** `undefined`: unknown at the gateway. @throws gateway_unavailable, gateway_misconfigured */
  getPaymentMethod(token: string): Promise<GatewayPaymentMethod | undefined>;
  /** `undefined`: unknown at the gateway. @throws gateway_unavailable, gateway_misconfigured */
  getMandate(mandateRef: string): Promise<GatewayMandate | undefined>;
  /** `undefined`: unknown at the gateway. @throws gateway_unavailable, gateway_misconfigured */
  getDispute(disputeRef: string): Promise<GatewayDispute | undefined>;
  /** The same for an early fraud warning. */
  getFraudWarning(warningRef: string): Promise<GatewayDispute | undefined>;
}

/** A webhook's update of a payment. */
export interface PaymentUpdate {
  about: 'payment';
  event_id: string;
  result: ChargeResult['result'];
  /** The codes of a decline. */
  codes: DeclineCodes;
  gateway_ref: string;
  /** RFC 3339. */
  occurred_at?: string;
  gateway_customer_ref?: string;
  /** As named by the payment's creator. */
  payment_id?: string;
  /** The idempotency key of the request that caused it: an attempt's, or another one. */
  request_key?: string;
  /** The method to be charged. */
  token?: string;
}

/** A payment method's details changed, or it was attached to another customer or detached. */
export interface MethodUpdate {
  about: 'payment_method';
  event_id: string;
  token: string;
}

/** The mandate to debit a method has changed. */
export interface MandateUpdate {
  about: 'mandate';
  event_id: string;
  token: string;
  mandate_ref: string;
}

/** A refund of a payment succeeded or failed. */
export interface RefundUpdate {
  about: 'refund';
  event_id: string;
  /** The payment. */
  gateway_ref: string;
  charge_ref?: string;
  /** As named by the creator of the payment or the refund. */
  payment_id?: string;
  /** The attempt that the refund names. */
  attempt_key?: string;
}

/** A dispute or an early fraud warning of a charge. Neither names the charged method. */
export interface DisputeUpdate {
  about: 'dispute' | 'fraud_warning';
  event_id: string;
  dispute_ref: string;
  charge_ref: string;
}

/** What a webhook reports: only a reason to read the object at the gateway. */
export type GatewayUpdate = PaymentUpdate | MethodUpdate | MandateUpdate | RefundUpdate | DisputeUpdate;

export interface WebhookReader {
  /**
   * `body`: as received. `undefined`: nothing that Persona processes.
   * @throws signature_refused (unsigned, signed with another secret, or signed more than five minutes ago),
   *   malformed_request
   */
  read(body: Uint8Array, signature: string | undefined): GatewayUpdate | undefined;
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
/** Notices about a decided contest. */
export type ContestNoticeTemplate = 'contest_decided';
/** Notices about an expiring card, without a payment. */
export type CardNoticeTemplate = 'card_expiring' | 'card_expired';
/** The last notice to a customer. */
export type ErasureNoticeTemplate = 'data_erased';
export type NoticeTemplate =
  | PaymentNoticeTemplate
  | AccountNoticeTemplate
  | ContestNoticeTemplate
  | CardNoticeTemplate
  | ErasureNoticeTemplate;

export interface NoticeMethod {
  brand: string;
  last_four: string;
}

/** The data of a payment template; never reveals why a bank declined. */
export interface NoticeData {
  /** Minor units. */
  amount: number;
  /** For display, e.g. `€12.50`. */
  amount_text: string;
  currency: string;
  payment_id: string;
  description?: string;
  failed_method: NoticeMethod;
  /** In `refund_issued` the method that was charged twice and gets the refund. */
  charged_method?: NoticeMethod;
  new_default?: NoticeMethod;
  link: string;
  closes_at?: string;
}

/** The data of an account template; never reveals why. */
export type AccountNoticeData = Pick<NoticeData, 'link'>;

/** The data of a template about a decided contest; never what was contested. */
export interface ContestNoticeData extends AccountNoticeData {
  decision: 'upheld' | 'rejected';
}

/** The data of a template about an expiring card. */
export interface CardNoticeData {
  payment_method: NoticeMethod;
  /** The last month in which it is valid: `YYYY-MM`. */
  expires: string;
  link: string;
}

export type NoticeDataOf = Record<PaymentNoticeTemplate, NoticeData> &
  Record<AccountNoticeTemplate, AccountNoticeData> &
  Record<ContestNoticeTemplate, ContestNoticeData> &
  Record<CardNoticeTemplate, CardNoticeData> &
  Record<ErasureNoticeTemplate, AccountNoticeData>;

/** A rendered message, as the webhook's receiver gets it. */
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
  data: NoticeData | AccountNoticeData | ContestNoticeData | CardNoticeData;
  /** RFC 3339. */
  created_at: string;
}

export interface Notifier {
  /**
   * Whether the receiver deduplicates by the notification's id. Then a notice may be delivered again when the outcome of
   * the last attempt is unknown; otherwise the customer could get the same message twice.
   */
  readonly deduplicates: boolean;
  /**
   * Resolves once the receiver has accepted the notice.
   * @throws notifier_unavailable (retry later), notice_refused (final), notice_unresolved (it may have been accepted, and a
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
  /** The customer's profile and everything else about them is deleted. @throws chimera_unavailable */
  forgetCustomer(input: { customer_id: string }): Promise<void>;
}

export interface TrustedDeviceListener {
  /**
   * Reports that a customer is about to pay from a trusted device. Resolves once Chimera has confirmed the report.
   * @param input.trust_score 0 to 1
   * @throws chimera_unavailable, also if too many reports are in flight
   */
  notifyTrustedDevice(input: { customer_id: string; device_id: string; trust_score: number }): Promise<void>;
}

export interface SuspectedFraud {
  /** Chimera's deduplication key. */
  event_id: string;
  customer_id: string;
  payment_method_id: string;
  /** The payment that was declined or disputed, if known. */
  payment_id?: string;
  /** The code of the decline that raised the suspicion, or the dispute's reason. */
  code?: string;
  /** RFC 3339. */
  occurred_at: string;
}

/**
 * The customers' contexts that API processes share. It may lose everything at any time: none of its calls throws, waits
 * longer than a few milliseconds, or has to have an effect.
 */
export interface SharedContexts {
  /** @returns undefined if the cache does not respond in time */
  find(customerId: string): Promise<SharedContext | undefined>;
  /**
   * Offers a context that was read from the graph after `lookup`. It is not kept if a change was reported, or a newer
   * context kept, since then.
   */
  keep(customerId: string, lookup: SharedContext, read: { version: number; context: object }): void;
  /** Discards the contexts, and tells every process that subscribes. */
  invalidate(changes: readonly ContextChange[]): void;
  /** @param onFlushed called when an operator has every context discarded */
  subscribe(onInvalidated: (changes: readonly ContextChange[]) => void, onFlushed?: () => void): void;
  close(): Promise<void>;
}

/** A customer's context has changed. */
export interface ContextChange {
  customer_id: string;
  /** The customer's version after the change; absent: a device changed, which leaves the customer's version as it is. */
  version?: number;
}

export interface SharedContext {
  /** When the cache was asked, by its own clock, in milliseconds. */
  readonly at: number;
  /** The customer's version, as far as the cache knows; 0: it does not. */
  readonly version: number;
  /** `ageMs`: the context has every write that was acknowledged this long before the lookup. */
  readonly found?: { readonly context: object; readonly ageMs: number };
}

/** What a model is asked. */
export interface ModelPrompt {
  instructions: string;
  message: string;
  max_tokens?: number;
}

/** A part of a model's answer; `usage` comes last, if at all. */
export type ModelChunk = { text: string } | { usage: { input_tokens: number; output_tokens: number } };

/** A language model. */
export interface ModelProvider {
  /** As the model's server knows it. */
  readonly model: string;
  /**
   * The answer, as it is written.
   * @param signal ends the request
   * @throws PersonaError model_unavailable: it gave no answer, broke off, or sent something else
   */
  answer(prompt: ModelPrompt, signal: AbortSignal): AsyncIterable<ModelChunk>;
  /** Whether it responds now. */
  isAvailable(): Promise<boolean>;
}

/** Finds texts that help to answer a question. */
export interface RetrievalEngine {
  /**
   * @param signal ends the request
   * @returns undefined: it gave no answer in time, and the question is answered without it
   */
  find(question: string, signal: AbortSignal): Promise<string[] | undefined>;
  /** Whether it responds now. */
  isAvailable(): Promise<boolean>;
}

/** An entry of the erasure journal, which lies outside the graph and its backups. */
export interface JournalEntry {
  readonly erasure_id: string;
  /** Of the customer's id, under PERSONA_ERASURE_KEY. */
  readonly hash: string;
  /** When it was requested, RFC 3339. */
  readonly at: string;
  /** The erasure was taken back. */
  readonly cancelled?: true;
}

export interface ErasureJournal {
  /**
   * Adds an entry, once or more: readers take repetitions as one. On return it survives any crash.
   * @throws PersonaError journal_unavailable
   */
  append(entry: JournalEntry): Promise<void>;
  /**
   * The entries after a position, in the order in which they were added.
   * @param after as in an earlier page; `undefined`: from the beginning
   * @throws PersonaError journal_unavailable
   */
  read(after: string | undefined): AsyncIterable<JournalPage>;
}

export interface JournalPage {
  readonly entries: readonly JournalEntry[];
  /** After these entries; opaque to readers. */
  readonly position: string;
  /** Entries that cannot be read: each was being written when its process died, or was changed since. */
  readonly unreadable: number;
}
