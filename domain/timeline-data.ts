/**
 * What the person sees of an event's data (docs/reference/interfaces.md, 'One event'): the log's own fields, opened, by
 * one table over all event types. Left out are tokens and fingerprints, the codes, classes, rules and reasons of
 * decisions, what names a suspicion or another customer, and the details of a card or an address that may be a
 * stranger's. Neither a new event type nor a new field is shown before it has a row here.
 */

import type { SealedAddress } from './events/addresses.ts';
import type { EventData } from './events/event.ts';
import { type PaymentMethodStatus, statusShownToCustomer } from './payment-method.ts';
import type { ShownEvent } from './texts/language.ts';

/** Opens a value that was sealed for a field of a node. */
export type Unseal = (sealed: string, label: string, id: string, field: string) => string;

/** What the mask of an event needs besides its data. */
export interface Opening {
  readonly unseal: Unseal;
  /** Whether payment methods and addresses are proven to be the person's, by id; a removed address is absent. */
  readonly proven: ReadonlyMap<string, boolean>;
}

interface Place extends Opening {
  readonly field: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The shown form of a value that is neither `null` nor absent; `undefined`: it is left out. */
type Rule = (value: unknown, place: Place) => unknown;
type Mask<Data> = { readonly [Field in keyof Data]-?: Rule };

const shown: Rule = (value) => value;
const hidden: Rule = () => undefined;
const status: Rule = (value) => statusShownToCustomer(value as PaymentMethodStatus);

/** A value sealed for the node whose id is in the field `id`. */
const sealedFor =
  (label: string, id: string): Rule =>
  (value, { field, data, unseal }) =>
    unseal(value as string, label, data[id] as string, field);

/** A text about the event with the `seq` of the data. */
const sealedForEvent =
  (label: string): Rule =>
  (value, { field, data, unseal }) =>
    unseal(value as string, label, `${data.customer_id}:${data.seq}`, field);

/**
 * The details of a method or an address whose id is in the field `id`: while it is not proven to be the person's, a
 * stranger may have given it under their name.
 */
const ifProven = <Data>(id: string, mask: Mask<Data>): Mask<Data> => {
  const rules = Object.entries<Rule>(mask).map(([field, rule]): [string, Rule] => [
    field,
    (value, place) => {
      const { data, proven } = place;
      return (proven.get(data[id] as string) ?? data.proven !== false) ? rule(value, place) : undefined;
    },
  ]);
  return Object.fromEntries(rules) as Mask<Data>;
};

const inAddress = sealedFor('Address', 'address_id');
const ADDRESS: Mask<SealedAddress> = {
  street1: inAddress,
  street2: inAddress,
  city: inAddress,
  state: shown,
  zip_code: inAddress,
  country: shown,
};

const CARD: Mask<
  Pick<
    EventData['PaymentMethodAdded'],
    'brand' | 'network' | 'last_four' | 'expiry_month' | 'expiry_year' | 'expires_on'
  >
> = {
  brand: shown,
  network: shown,
  last_four: shown,
  expiry_month: shown,
  expiry_year: shown,
  expires_on: shown,
};

/** `suspended` says enough of a notice's fraud case, whose id is part of the notice's own. */
const unlessOfCase: Rule = (value, { data }) => (data.case_id === undefined ? value : undefined);

/** Changes of a property that names a suspicion are shown without the property. */
const unlessSuspicion: Rule = (value, { data: { property } }) =>
  property === 'fraud_known' || property === 'gateway_mismatch' ? undefined : value;

const NOTICE = {
  notification_id: unlessOfCase,
  template: shown,
  payment_id: shown,
  case_id: hidden,
  payment_method_id: shown,
  contest_id: shown,
  channel: shown,
};

const MASKS: { readonly [T in ShownEvent]: Mask<EventData[T]> } = {
  CustomerCreated: {
    segment: shown,
    locale: shown,
    ltv_minor: shown,
    acquisition_date: shown,
    gateway_customer_ref: gatewayCustomer,
  },
  CustomerProfileUpdated: {
    segment: shown,
    segment_observed_at: shown,
    locale: shown,
    gateway_customer_ref: gatewayCustomer,
  },
  CustomerStatusChanged: { old_status: shown, new_status: shown, reason: hidden },
  LtvAdjusted: { old_ltv_minor: shown, new_ltv_minor: shown, reason: hidden, observed_at: shown },
  DeviceLinked: { device_id: shown, proven: shown, awaits_identifier_id: shown },
  LoginRecorded: { device_id: shown, login_count: shown, last_login: shown, proven: shown },
  DeviceUnlinked: { device_id: shown },
  BehavioralProfileLinked: { profile_id: shown, baseline_data_ref: shown },
  AddressAdded: {
    ...ifProven('address_id', ADDRESS),
    address_id: shown,
    type: shown,
    is_default: shown,
    is_verified: shown,
    proven: shown,
    awaits_identifier_id: shown,
  },
  AddressUpdated: {
    address_id: shown,
    type: shown,
    ...ifProven<{ place: unknown }>('address_id', {
      place: (value, { data, ...opening }) =>
        masked(ADDRESS, { ...(value as object), address_id: data.address_id }, opening),
    }),
    is_default: shown,
    is_verified: shown,
    last_shipped: shown,
    proven: shown,
  },
  AddressRemoved: { address_id: shown },
  DigitalIdentifierAdded: {
    identifier_id: shown,
    type: shown,
    value: sealedFor('DigitalIdentifier', 'identifier_id'),
    is_verified: shown,
  },
  DigitalIdentifierVerified: {
    identifier_id: shown,
    evidence: sealedFor('DigitalIdentifier', 'identifier_id'),
  },
  DigitalIdentifierRemoved: { identifier_id: shown },
  PaymentMethodAdded: {
    payment_method_id: shown,
    type: shown,
    token: hidden,
    ...ifProven('payment_method_id', CARD),
    instrument_fingerprint: hidden,
    off_session_consent: shown,
    consent_at: shown,
    consent_source: shown,
    added_by: shown,
    proven: shown,
    awaits_identifier_id: shown,
    device_id: shown,
  },
  PaymentMethodUpdated: {
    payment_method_id: shown,
    type: shown,
    ...ifProven('payment_method_id', { ...CARD, funding: shown, country: shown }),
    gateway_type: shown,
    instrument_fingerprint: hidden,
    token: hidden,
  },
  PaymentMethodStatusChanged: {
    payment_method_id: shown,
    old_status: status,
    new_status: status,
    reason: hidden,
  },
  PaymentMethodRemoved: { payment_method_id: shown, old_status: status },
  PaymentMethodUsed: {
    payment_method_id: shown,
    use_count: shown,
    last_used: shown,
    proven: shown,
    device_id: shown,
  },
  DefaultPaymentMethodChanged: {
    payment_method_id: shown,
    previous_payment_method_id: shown,
    reason: hidden,
    unmarked: shown,
  },
  ConsentChanged: {
    payment_method_id: shown,
    off_session_consent: shown,
    consent_at: shown,
    consent_source: shown,
  },
  ExpiryNoticeDue: { payment_method_id: shown, expires_on: shown, stage: shown, notice: shown },
  // Others may use the device: its network address and browser are not this person's alone.
  DeviceRegistered: {
    fingerprint: hidden,
    trust_score: hidden,
    trust_observed_at: hidden,
    last_seen_ip: hidden,
    last_seen_user_agent: hidden,
  },
  DeviceSeen: { last_seen_ip: hidden, last_seen_user_agent: hidden },
  DeviceSightingForgotten: {},
  RelationshipAdded: { type: shown, source_id: shown, target_id: shown },
  RelationshipAttributeChanged: {
    type: shown,
    source_id: shown,
    target_id: shown,
    attribute: shown,
    value: shown,
  },
  NodePropertyChanged: { label: shown, id: shown, property: unlessSuspicion, value: unlessSuspicion },
  RecoveryOpened: {
    payment_id: shown,
    failed_payment_method_id: shown,
    amount: shown,
    currency: shown,
    kind: shown,
    description: shown,
    rule: hidden,
    last_failure_at: shown,
    opened_at: shown,
    closes_at: shown,
    failed_was_default: shown,
    reported_ref: shown,
  },
  RecoveryReopened: {
    payment_id: shown,
    failed_payment_method_id: shown,
    rule: hidden,
    last_failure_at: shown,
    opened_at: shown,
    closes_at: shown,
    failed_was_default: shown,
    reported_ref: shown,
    amount: shown,
    currency: shown,
    kind: shown,
    description: shown,
  },
  ChargeClaimed: {
    key: shown,
    n: shown,
    payment_id: shown,
    payment_method_id: shown,
    network: shown,
    amount: shown,
    currency: shown,
    claimed_at: shown,
    claim_deadline: shown,
  },
  RecoveryAttempted: {
    key: shown,
    n: shown,
    source: shown,
    payment_id: shown,
    payment_method_id: shown,
    network: shown,
    amount: shown,
    currency: shown,
    state: shown,
    class: hidden,
    rule: hidden,
    code: hidden,
    card_dead: hidden,
    gateway_ref: shown,
    payment_ref: shown,
    attempted_at: shown,
    resolved_at: shown,
    unmapped: hidden,
  },
  RecoveryNeedsReview: { payment_id: shown, rule: hidden },
  RecoveryClosed: {
    payment_id: shown,
    state: shown,
    rule: hidden,
    class: hidden,
    payment_method_id: shown,
    closed_at: shown,
    payment_ref: shown,
    notice: shown,
  },
  RecoveryForgotten: { payment_id: shown },
  RecoveryOverpaid: { payment_id: shown, key: shown, amount: shown, currency: shown, refund: shown },
  RefundSent: {
    payment_id: shown,
    key: shown,
    refund_ref: shown,
    by_others: shown,
    notice: shown,
    part: shown,
  },
  RefundFailed: {
    payment_id: shown,
    key: shown,
    reason: hidden,
    refund_ref: shown,
    n: shown,
    retry: shown,
  },
  RefundRequested: { payment_id: shown, key: shown },
  EventAnnotated: { seq: shown, text: sealedForEvent('Note') },
  EventContested: { seq: shown, reason: sealedForEvent('Contest'), restricts: shown },
  ContestDecided: {
    seq: shown,
    decision: shown,
    explanation: sealedForEvent('Contest'),
    restricts: shown,
    notice: shown,
  },
  NoticeSent: NOTICE,
  NoticeFailed: { ...NOTICE, reason: hidden },
};

function gatewayCustomer(value: unknown, { field, data, unseal }: Place): string {
  return unseal(value as string, 'Customer', data.customer_id as string, field);
}

/**
 * @param event an event of `customer_id`'s stream
 * @param event.data of the current schema version
 */
export function shownData<T extends ShownEvent>(
  { type, customer_id, data }: { type: T; customer_id: string; data: EventData[T] },
  opening: Opening,
): Record<string, unknown> {
  return masked(MASKS[type] as Readonly<Record<string, Rule>>, { customer_id, ...data }, opening);
}

function masked(
  mask: Readonly<Record<string, Rule>>,
  data: Readonly<Record<string, unknown>>,
  opening: Opening,
): Record<string, unknown> {
  const fields = Object.entries(mask).map(([field, rule]) => {
    const value = data[field];
    return [field, value === undefined || value === null ? value : rule(value, { ...opening, field, data })];
  });
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined));
}
