/**
 * Which events are published to which topics, and as what (docs/reference/interfaces.md, 'Events'). Every event goes to
 * the log's topic as it is stored; most also to the one topic whose consumers it concerns, in a form of its own.
 */

import type { EventData, EventType, RecordedEvent } from '../events/event.ts';
import { decimalFromMinor } from '../money.ts';
import { isInternalProperty } from '../events/edits.ts';
import { isRoutedPayment } from '../inbound/routing-outcome.ts';
import { Topic, type TopicName } from './topics.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A record before it is encoded: its value has the fields of the topic's schema. Times are epoch milliseconds. */
export interface OutgoingRecord {
  readonly topic: TopicName;
  /** The stream's id: records of one stream keep their order. */
  readonly key: string;
  /** By which a consumer recognises a repetition. */
  readonly id: string;
  /** The type of what is described, for the record's headers. */
  readonly type: string;
  /** RFC 3339. */
  readonly time: string;
  readonly correlationId: string;
  /** W3C trace context, if the trace of what caused it is sampled. */
  readonly traceparent?: string;
  /** `null`, a tombstone: what the topic has of this key is to be deleted. */
  readonly value: Fields | null;
}

type ValueRecord = OutgoingRecord & { readonly value: Fields };

/** An event as the log stores it: `data` in JSON, in the schema version in which it was written. */
export type LoggedEvent = Omit<RecordedEvent, 'data'> & {
  readonly data: string;
  /** Of a sampled trace, until the event is published: W3C trace context of what caused it. */
  readonly traceparent?: string;
};

/** What an event's own data does not say. */
export interface PublishingFacts {
  /** ISO 4217, the currency of the customers' lifetime values. */
  readonly reportingCurrency: string;
  /** Of events that close a recovery or flag it for review: what is owed, by the event's id. */
  readonly owed: ReadonlyMap<string, { amount: number | null; currency: string | null }>;
  /** The default that a recovered payment has set in the same command, by the id of the event that closed the recovery. */
  readonly newDefaults: ReadonlyMap<string, string>;
}

/** What the newest context of a customer says, without its devices. */
export interface PublishedContext {
  readonly customer_id: string;
  readonly is_vip: boolean;
  readonly ltv_minor: number;
  readonly segment: string;
  readonly status: string;
  readonly default_payment_method_id?: string;
  readonly payment_method_count: number;
  readonly verified_shipping_address_count: number;
  readonly version: number;
  readonly as_of: string;
}

type Mapped = { topic: TopicName; fields: Fields };
type Mappings = {
  readonly [T in EventType]?: (event: RecordedEvent<T>, facts: PublishingFacts) => Mapped | undefined;
};

const CHANGED = 'changed';
const profile = (updated_fields: Readonly<Record<string, string | null>>): Mapped => ({
  topic: Topic.customerProfileUpdated,
  fields: { updated_fields },
});
const method = (
  payment_method_id: string,
  change: string,
  changed_fields: readonly string[] = [],
): Mapped => ({
  topic: Topic.paymentMethodChanged,
  fields: { payment_method_id, change, changed_fields },
});
const notice = (
  data: EventData['NoticeSent'] | EventData['NoticeFailed'],
  outcome: 'sent' | 'failed',
): Mapped => {
  const { notification_id, template, channel, payment_id, case_id = null, payment_method_id = null } = data;
  const reason = 'reason' in data ? data.reason : null;
  return {
    topic: Topic.notice,
    fields: { notification_id, template, channel, outcome, reason, payment_id, case_id, payment_method_id },
  };
};

type RecoveryKind =
  | 'opened'
  | 'reopened'
  | 'attempted'
  | 'needs_review'
  | 'overpaid'
  | EventData['RecoveryClosed']['state'];

const NO_RECOVERY_FIELDS = {
  outcome: null,
  amount: null,
  currency: null,
  attempt_n: null,
  payment_method_id: null,
  attempt_state: null,
  class: null,
  rule: null,
  new_default_payment_method_id: null,
} as const;

function recovery(
  payment_id: string,
  kind: RecoveryKind,
  fields: Partial<Record<keyof typeof NO_RECOVERY_FIELDS, unknown>>,
): Mapped {
  return { topic: Topic.recovery, fields: { payment_id, kind, ...NO_RECOVERY_FIELDS, ...fields } };
}

const owedBy = (event: RecordedEvent, { owed }: PublishingFacts) => {
  const { amount = null, currency = null } = owed.get(event.id) ?? {};
  return { amount, currency };
};

const MAPPINGS: Mappings = {
  CustomerCreated: ({ data }, { reportingCurrency }) =>
    profile({
      segment: data.segment,
      locale: data.locale,
      status: 'active',
      ltv: decimalFromMinor(data.ltv_minor, reportingCurrency),
    }),
  CustomerProfileUpdated({ data: { segment, segment_observed_at, locale, ...rest } }) {
    const others = Object.keys(rest).map((name) => [name, CHANGED]);
    const isConfirmation = segment_observed_at !== undefined && segment === undefined;
    if (isConfirmation) return undefined;
    return profile({
      ...(segment !== undefined && { segment }),
      ...(locale !== undefined && { locale }),
      ...Object.fromEntries(others),
    });
  },
  CustomerStatusChanged: ({ data }) => profile({ status: data.new_status }),
  LtvAdjusted: ({ data }, { reportingCurrency }) =>
    profile({ ltv: decimalFromMinor(data.new_ltv_minor, reportingCurrency) }),
  BehavioralProfileLinked: () => profile({ behavioral_profile_ref: CHANGED }),
  DigitalIdentifierAdded: () => profile({ identifiers: CHANGED }),
  DigitalIdentifierVerified: () => profile({ identifiers: CHANGED }),
  DigitalIdentifierRemoved: () => profile({ identifiers: CHANGED }),
  AddressAdded: () => profile({ addresses: CHANGED }),
  AddressUpdated: () => profile({ addresses: CHANGED }),
  AddressRemoved: () => profile({ addresses: CHANGED }),

  PaymentMethodAdded: ({ data: { payment_method_id, type, brand, last_four } }) => ({
    topic: Topic.paymentMethodAdded,
    // A new method is not verified yet, and only an active one may be the default: that is an event of its own.
    fields: { payment_method_id, type, brand, last_four, is_default: false },
  }),
  PaymentMethodStatusChanged: ({ data: { payment_method_id, old_status, new_status, reason } }) => ({
    topic: Topic.paymentMethodStatusChanged,
    fields: { payment_method_id, old_status, new_status, reason },
  }),
  PaymentMethodUpdated: ({ data: { payment_method_id, ...changes } }) =>
    method(payment_method_id, 'updated', Object.keys(changes).sort()),
  ConsentChanged: ({ data }) => method(data.payment_method_id, 'updated', ['off_session_consent']),
  PaymentMethodDisputed: ({ data }) => method(data.payment_method_id, 'updated', ['disputed']),
  PaymentMethodRemoved: ({ data }) => method(data.payment_method_id, 'removed'),
  DefaultPaymentMethodChanged({ data: { payment_method_id, previous_payment_method_id } }) {
    if (payment_method_id !== null) return method(payment_method_id, 'made_default');
    return previous_payment_method_id === null
      ? undefined
      : method(previous_payment_method_id, 'no_longer_default');
  },
  NodePropertyChanged({ data }) {
    if (data.label === 'DigitalIdentifier') return profile({ identifiers: CHANGED });
    if (data.label === 'PaymentMethod' && !isInternalProperty(data))
      return method(data.id, 'updated', [data.property]);
    return undefined;
  },

  DeviceTrustScoreUpdated: ({ stream_id, data }) => ({
    topic: Topic.deviceTrustScoreUpdated,
    fields: {
      device_id: stream_id,
      new_trust_score: data.new_trust_score,
      old_trust_score: data.old_trust_score,
      customer_ids: data.customer_ids,
      linked_customers: data.linked_customers,
    },
  }),

  RecoveryOpened: ({ data }) =>
    recovery(data.payment_id, 'opened', {
      amount: data.amount,
      currency: data.currency,
      payment_method_id: data.failed_payment_method_id,
      rule: data.rule,
    }),
  RecoveryReopened: (event, facts) =>
    recovery(event.data.payment_id, 'reopened', {
      ...owedBy(event, facts),
      payment_method_id: event.data.failed_payment_method_id,
      rule: event.data.rule,
    }),
  RecoveryAttempted({ data }) {
    if (isRoutedPayment(data.payment_id)) return undefined;
    return recovery(data.payment_id, 'attempted', {
      amount: data.amount,
      currency: data.currency,
      attempt_n: data.n,
      payment_method_id: data.payment_method_id,
      attempt_state: data.state,
      class: data.class,
      rule: data.rule,
    });
  },
  RecoveryNeedsReview: (event, facts) =>
    recovery(event.data.payment_id, 'needs_review', { ...owedBy(event, facts), rule: event.data.rule }),
  RecoveryClosed: (event, facts) =>
    recovery(event.data.payment_id, event.data.state, {
      ...owedBy(event, facts),
      outcome: event.data.state,
      payment_method_id: event.data.payment_method_id,
      class: event.data.class,
      rule: event.data.rule,
      new_default_payment_method_id: facts.newDefaults.get(event.id) ?? null,
    }),
  RecoveryOverpaid: ({ data: { payment_id, amount, currency } }) =>
    recovery(payment_id, 'overpaid', { amount, currency }),

  NoticeSent: ({ data }) => notice(data, 'sent'),
  NoticeFailed: ({ data }) => notice(data, 'failed'),
  ErasureAnnounced: () => ({ topic: Topic.customerErased, fields: {} }),
};

/** Event types whose record needs the amount owed, which only the obligation has. */
export const NEEDS_OWED: readonly EventType[] = ['RecoveryReopened', 'RecoveryNeedsReview', 'RecoveryClosed'];

/** The event's record for the log's topic. @param event complete, as `sealForLog` of the graph returns it */
export function logRecordOf(event: LoggedEvent): ValueRecord {
  const {
    id,
    stream,
    stream_id,
    seq,
    type,
    schema_version,
    source,
    actor,
    correlation_id,
    causation_id,
    data,
  } = event;
  return {
    ...envelope(event, Topic.log),
    value: {
      event_id: id,
      ...{ stream, stream_id, seq, type, schema_version },
      occurred_at: Date.parse(event.occurred_at),
      recorded_at: Date.parse(event.recorded_at),
      ...{ source, actor, correlation_id, causation_id, data },
    },
  };
}

/**
 * The event's record for the topic of its consumers; `undefined`: only the log has it.
 * @param event in the current schema version
 */
export function recordOf<T extends EventType>(
  event: RecordedEvent<T>,
  facts: PublishingFacts,
): ValueRecord | undefined {
  const mapping = MAPPINGS[event.type] as
    | ((event: RecordedEvent, facts: PublishingFacts) => Mapped | undefined)
    | undefined;
  const mapped = mapping?.(event, facts);
  if (mapped === undefined) return undefined;
  const { topic, fields } = mapped;
  return {
    ...envelope(event, topic),
    value: {
      event_id: event.id,
      // A device belongs to no customer: its record names those that use it.
      ...(event.stream === 'customer' && { customer_id: event.stream_id }),
      seq: event.seq,
      occurred_at: Date.parse(event.occurred_at),
      correlation_id: event.correlation_id,
      ...fields,
    },
  };
}

/** The newest context of a customer, which replaces all earlier ones of the same key. */
export function contextRecordOf(
  context: PublishedContext,
  { reportingCurrency }: Pick<PublishingFacts, 'reportingCurrency'>,
): ValueRecord {
  const { customer_id, is_vip, segment, status, version, as_of } = context;
  const { payment_method_count, verified_shipping_address_count } = context;
  const id = `${customer_id}:${version}`;
  return {
    topic: Topic.customerContext,
    key: customer_id,
    id,
    type: 'CustomerContext',
    time: as_of,
    correlationId: id,
    value: {
      ...{ customer_id, version, as_of: Date.parse(as_of), is_vip, segment, status },
      ltv: decimalFromMinor(context.ltv_minor, reportingCurrency),
      ltv_currency: reportingCurrency,
      default_payment_method_id: context.default_payment_method_id ?? null,
      ...{ payment_method_count, verified_shipping_address_count },
    },
  };
}

/** For the topic of contexts: readers that keep this customer's are to delete it. @param event the customer's last one so far */
export function contextTombstoneOf(event: Omit<RecordedEvent, 'data'>): OutgoingRecord {
  const id = `${event.stream_id}:${event.seq}`;
  return {
    ...envelope(event, Topic.customerContext),
    ...{ id, type: 'CustomerContext', time: event.recorded_at, correlationId: id, value: null },
  };
}

function envelope(
  { id, stream_id, type, occurred_at, correlation_id }: Omit<RecordedEvent, 'data'>,
  topic: TopicName,
): Omit<OutgoingRecord, 'value'> {
  return { topic, key: stream_id, id, type, time: occurred_at, correlationId: correlation_id };
}
