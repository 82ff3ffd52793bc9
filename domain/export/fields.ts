/**
 * What an export gives out of each node and edge that the graph holds of a person (docs/privacy.md, 'Export'). A property
 * without a row is not given out, and fails the test of completeness unless that names the reason.
 */

/** The form of a value. `sealed`: text that is sealed in the graph, and open in the export. */
export type FieldKind = 'text' | 'integer' | 'flag' | 'time' | 'date' | 'sealed' | 'payment_method_status';
export type Fields = Readonly<Record<string, FieldKind>>;

const TIMES = { created_at: 'time', updated_at: 'time' } as const;

export const NODE_FIELDS = {
  Customer: {
    segment: 'text',
    segment_observed_at: 'time',
    status: 'text',
    locale: 'text',
    ltv_minor: 'integer',
    ltv_observed_at: 'time',
    acquisition_date: 'time',
    gateway_customer_ref: 'text',
    default_set_at: 'time',
    default_chosen_at: 'time',
    default_chosen_by: 'text',
    ...TIMES,
  },
  DigitalIdentifier: { id: 'text', type: 'text', value: 'sealed', is_verified: 'flag', ...TIMES },
  Address: {
    id: 'text',
    type: 'text',
    street1: 'sealed',
    street2: 'sealed',
    city: 'text',
    state: 'text',
    zip_code: 'text',
    country: 'text',
    is_default: 'flag',
    is_verified: 'flag',
    ...TIMES,
  },
  BehavioralProfile: { id: 'text', baseline_data_ref: 'text', last_updated: 'time' },
  Device: { id: 'text' },
  PaymentMethod: {
    id: 'text',
    type: 'text',
    gateway_type: 'text',
    status: 'payment_method_status',
    brand: 'text',
    network: 'text',
    last_four: 'text',
    expiry_month: 'integer',
    expiry_year: 'integer',
    expires_on: 'date',
    funding: 'text',
    country: 'text',
    expiry_wanted: 'text',
    expiry_wanted_at: 'time',
    consent_wanted: 'text',
    removed_at: 'time',
    ...TIMES,
  },
  Obligation: {
    payment_id: 'text',
    amount: 'integer',
    currency: 'text',
    kind: 'text',
    description: 'text',
    state: 'text',
    failed_payment_method_id: 'text',
    failed_was_default: 'flag',
    gateway_ref: 'text',
    reported_ref: 'text',
    settled_ref: 'text',
    last_failure_at: 'time',
    opened_at: 'time',
    closes_at: 'time',
    clock_stopped_at: 'time',
    closed_at: 'time',
    paused: 'flag',
    consent_revoked: 'flag',
    collect_again: 'flag',
  },
  ChargeAttempt: {
    key: 'text',
    n: 'integer',
    source: 'text',
    payment_id: 'text',
    payment_method_id: 'text',
    network: 'text',
    amount: 'integer',
    currency: 'text',
    state: 'text',
    gateway_ref: 'text',
    overpaid: 'flag',
    claimed_at: 'time',
    claim_deadline: 'time',
    resolved_at: 'time',
  },
  Overpayment: { id: 'text', payment_id: 'text', key: 'text', refund_owed: 'flag', refunded_by: 'text' },
  Refund: {
    id: 'text',
    refund_ref: 'text',
    payment_id: 'text',
    key: 'text',
    sent_at: 'time',
    failed_at: 'time',
    notification_id: 'text',
  },
  Notice: {
    notification_id: 'text',
    template: 'text',
    channel: 'text',
    state: 'text',
    payment_id: 'text',
    payment_method_id: 'text',
    ended_at: 'time',
  },
  Contest: {
    contest_id: 'text',
    seq: 'integer',
    state: 'text',
    reason: 'sealed',
    explanation: 'sealed',
    link_type: 'text',
    link_id: 'text',
    opened_at: 'time',
    decided_at: 'time',
  },
} as const satisfies Readonly<Record<string, Fields>>;

/**
 * All that is given out of a method or an address while it is not proven to be the person's: a stranger may have given it
 * under their name.
 */
export const UNPROVEN_FIELDS: Readonly<Record<string, Fields>> = {
  PaymentMethod: { id: 'text', type: 'text', status: 'payment_method_status', removed_at: 'time', ...TIMES },
  Address: { id: 'text', type: 'text', ...TIMES },
};

export const EDGE_FIELDS = {
  HAS_DIGITAL_IDENTIFIER: { linked_at: 'time', contested_seq: 'integer' },
  SHIPPED_TO: {
    first_shipped: 'time',
    last_shipped: 'time',
    proven: 'flag',
    awaits_identifier_id: 'text',
    contested_seq: 'integer',
  },
  HAS_BEHAVIORAL_PROFILE: {},
  LOGGED_IN_FROM: {
    login_count: 'integer',
    first_login: 'time',
    last_login: 'time',
    proven: 'flag',
    awaits_identifier_id: 'text',
    contested_seq: 'integer',
  },
  HAS_PAYMENT_METHOD: {
    first_used: 'time',
    last_used: 'time',
    use_count: 'integer',
    is_default: 'flag',
    off_session_consent: 'flag',
    consent_at: 'time',
    consent_source: 'text',
    added_by: 'text',
    proven: 'flag',
    awaits_identifier_id: 'text',
    contested_seq: 'integer',
  },
  USED_ON: { first_use: 'time', last_use: 'time' },
  POSSIBLY_SAME_AS: { status: 'text', suggested_at: 'time' },
} as const satisfies Readonly<Record<string, Fields>>;
