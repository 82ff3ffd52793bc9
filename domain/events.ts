/**
 * Persona's events: the facts in the log (docs/reference/graph.md, 'The event log'). `data` is complete: replaying the log
 * rebuilds the graph. Fields of type `Sealed` hold ciphertext under the stream's own key; times are RFC 3339 in UTC;
 * `null` means 'none', so that a replay can tell it from 'unchanged'.
 */

import type { Dispute } from './disputes.ts';
import type { EditEvents } from './edit-events.ts';
import type { ExpiryStage } from './expiry/calendar.ts';
import type { IdentifierDetails } from './onboarding-types.ts';
import type { PaymentMethodStatus, PaymentMethodType } from './payment-method.ts';
import type { FraudEvents } from './fraud/events.ts';
import type { RecoveryEvents } from './recovery/events.ts';

export const EVENT_TYPES = [
  'CustomerCreated',
  'CustomerProfileUpdated',
  'CustomerStatusChanged',
  'LtvAdjusted',
  'PaymentMethodAdded',
  'PaymentMethodUpdated',
  'PaymentMethodStatusChanged',
  'PaymentMethodRemoved',
  'PaymentMethodUsed',
  'DefaultPaymentMethodChanged',
  'ConsentChanged',
  'PaymentMethodDisputed',
  'ExpiryNoticeDue',
  'DeviceRegistered',
  'DeviceSeen',
  'DeviceTrustScoreUpdated',
  'DeviceLinked',
  'LoginRecorded',
  'RelationshipAdded',
  'RelationshipAttributeChanged',
  'NodePropertyChanged',
  'AddressAdded',
  'AddressUpdated',
  'AddressRemoved',
  'DigitalIdentifierAdded',
  'DigitalIdentifierVerified',
  'DigitalIdentifierRemoved',
  'BehavioralProfileLinked',
  'IdentityMatchSuggested',
  'IdentityMatchResolved',
  'RecoveryOpened',
  'RecoveryReopened',
  'ChargeClaimed',
  'RecoveryAttempted',
  'RecoveryNeedsReview',
  'RecoveryClosed',
  'RecoveryOverpaid',
  'RefundSent',
  'RefundFailed',
  'RefundRequested',
  'NoticeSent',
  'NoticeFailed',
  'FraudOutcomeApplied',
  'FraudReviewReminded',
  'CustomerSnapshot',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** The owner of a stream: a customer or a device. */
export type StreamKind = 'customer' | 'device';

export type CustomerStatus = 'active' | 'suspended' | 'erased' | 'merged';

/** Ciphertext (`s1:…`) under the key of the customer or the device whose stream holds it. */
export type Sealed = string;

/** A postal address. */
export interface SealedAddress {
  street1: Sealed;
  street2: Sealed | null;
  city: Sealed;
  state: string | null;
  zip_code: Sealed;
  country: string;
}

/** Events of a customer's stream: the customer, what they own, and their edges. */
interface CustomerEvents {
  CustomerCreated: {
    segment: string;
    locale: string | null;
    ltv_minor: number;
    acquisition_date: string;
    gateway_customer_ref: Sealed | null;
  };
  /** Only what changed. */
  CustomerProfileUpdated: { segment?: string; locale?: string | null; gateway_customer_ref?: Sealed };
  CustomerStatusChanged: { old_status: CustomerStatus; new_status: CustomerStatus; reason: string };
  /** Minor units of the reporting currency. `observed_at`: when the total was computed; absent for an increment. */
  LtvAdjusted: { old_ltv_minor: number; new_ltv_minor: number; reason: string; observed_at?: string };
  DeviceLinked: { device_id: string; proven: boolean; awaits_identifier_id: string | null };
  /** `login_count` and `last_login` hold the new values, not differences. */
  LoginRecorded: { device_id: string; login_count: number; last_login: string; proven: boolean };
  AddressAdded: SealedAddress & {
    address_id: string;
    type: 'shipping' | 'billing';
    is_default: boolean;
    is_verified: boolean;
    proven: boolean;
    /** The unverified identifier by which the customer was recognised; its verification proves the link. */
    awaits_identifier_id: string | null;
  };
  /** Only what changed. */
  AddressUpdated: {
    address_id: string;
    type?: 'shipping' | 'billing';
    /** The complete new address. */
    place?: SealedAddress;
    is_default?: boolean;
    is_verified?: boolean;
    last_shipped?: string;
    proven?: boolean;
  };
  AddressRemoved: { address_id: string };
  DigitalIdentifierAdded: {
    identifier_id: string;
    type: IdentifierDetails['type'];
    value: Sealed;
    is_verified: boolean;
  };
  DigitalIdentifierVerified: { identifier_id: string };
  DigitalIdentifierRemoved: { identifier_id: string };
  BehavioralProfileLinked: { profile_id: string; baseline_data_ref: string };
  IdentityMatchSuggested: { customer_id: string; score: number; evidence: string[] };
  /** An operator's decision on an identity match suggested for this customer. */
  IdentityMatchResolved: { customer_id: string; status: 'confirmed' | 'rejected'; reason: string };
}

/** A customer's wallet. */
interface WalletEvents {
  PaymentMethodAdded: {
    payment_method_id: string;
    type: PaymentMethodType;
    token: Sealed;
    brand: string | null;
    network: string | null;
    last_four: string | null;
    expiry_month: number | null;
    expiry_year: number | null;
    /** `YYYY-MM-DD`, the last day of the month. */
    expires_on: string | null;
    instrument_fingerprint: Sealed | null;
    off_session_consent: boolean;
    consent_at: string | null;
    consent_source: string | null;
    added_by: 'service' | 'customer';
    proven: boolean;
    /** The unverified identifier by which the customer was recognised; its verification proves the link. */
    awaits_identifier_id: string | null;
    /** The device it was used on. */
    device_id: string | null;
  };
  /** Only what changed. */
  PaymentMethodUpdated: {
    payment_method_id: string;
    type?: PaymentMethodType;
    brand?: string;
    network?: string;
    last_four?: string;
    expiry_month?: number;
    expiry_year?: number;
    expires_on?: string;
    funding?: string;
    country?: string;
    /** The gateway's name for the type. */
    gateway_type?: string;
    instrument_fingerprint?: Sealed;
    /** The gateway issued another token when the method was attached. */
    token?: Sealed;
  };
  PaymentMethodStatusChanged: {
    payment_method_id: string;
    old_status: PaymentMethodStatus;
    new_status: PaymentMethodStatus;
    reason: string;
  };
  /** The customer removed it from the wallet; if it is added again, it has the same id. */
  PaymentMethodRemoved: { payment_method_id: string; old_status: PaymentMethodStatus };
  /** `use_count` and `last_used` hold the new values, not differences. */
  PaymentMethodUsed: {
    payment_method_id: string;
    use_count: number;
    last_used: string;
    proven: boolean;
    device_id: string | null;
  };
  DefaultPaymentMethodChanged: {
    payment_method_id: string | null;
    previous_payment_method_id: string | null;
    reason: string;
    /** For a repair: the other methods that the graph also marked as default. */
    unmarked?: string[];
  };
  ConsentChanged: {
    payment_method_id: string;
    off_session_consent: boolean;
    consent_at: string;
    consent_source: string;
  };
  /** A charge on the method is disputed, or the dispute's state has changed. */
  PaymentMethodDisputed: Dispute & { payment_method_id: string };
  /** The card expires soon or has expired, and a notice is due; a `NoticeSent` or a `NoticeFailed` follows. */
  ExpiryNoticeDue: {
    payment_method_id: string;
    /** `YYYY-MM-DD`, the card's last day. */
    expires_on: string;
    stage: ExpiryStage;
    /** The notice's id. It replaces a notice that is still due. */
    notice: string;
  };
}

/** Events of a device's stream: facts that do not depend on who uses it. */
interface DeviceEvents {
  DeviceRegistered: {
    fingerprint: Sealed;
    trust_score: number;
    /** `null`: not observed yet, the score is the initial one. */
    trust_observed_at: string | null;
    last_seen_ip: Sealed | null;
    last_seen_user_agent: Sealed | null;
  };
  DeviceSeen: { last_seen_ip: Sealed | null; last_seen_user_agent: Sealed | null };
  DeviceTrustScoreUpdated: {
    old_trust_score: number;
    new_trust_score: number;
    observed_at: string;
    /** Up to 25 of the customers linked to it. */
    customer_ids: string[];
    linked_customers: number;
  };
}

/** The data of every event that a command may append: one line per family. */
export interface EventData
  extends CustomerEvents,
    WalletEvents,
    DeviceEvents,
    EditEvents,
    FraudEvents,
    RecoveryEvents {}

/** An event as the log holds it. */
export interface RecordedEvent<T extends keyof EventData = keyof EventData> {
  id: string;
  stream: StreamKind;
  stream_id: string;
  seq: number;
  type: T;
  schema_version: number;
  /** When it happened, according to the source. */
  occurred_at: string;
  /** When it was written. */
  recorded_at: string;
  /** The life stream: the caller that reported it. */
  source: string;
  actor: string;
  correlation_id: string;
  causation_id: string | null;
  data: EventData[T];
}
