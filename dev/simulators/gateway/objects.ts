/** Renders records as Stripe's API objects. */

import type {
  Charge,
  Customer,
  Dispute,
  FraudWarning,
  Mandate,
  PaymentIntent,
  PaymentMethod,
  Refund,
} from './store.ts';

export function customerObject(customer: Customer): object {
  return { ...customer, object: 'customer', livemode: false };
}

export function methodObject(method: PaymentMethod): object {
  return {
    id: method.id,
    object: 'payment_method',
    billing_details: { address: null, email: null, name: null, phone: null, ...method.billing_details },
    created: method.created,
    customer: method.customer,
    livemode: false,
    metadata: method.metadata,
    type: method.type,
    [method.type]: detailsObject(method),
  };
}

function detailsObject({ type, details }: PaymentMethod): object {
  const { brand, last4, exp_month, exp_year, fingerprint, country, funding, wallet } = details;
  if (type === 'card') {
    return {
      brand,
      checks: { cvc_check: null },
      country,
      display_brand: brand,
      exp_month,
      exp_year,
      fingerprint,
      funding,
      last4,
      networks: { available: [brand], preferred: null },
      three_d_secure_usage: { supported: true },
      wallet: wallet === undefined ? null : { type: wallet, dynamic_last4: null, [wallet]: {} },
    };
  }
  if (type === 'us_bank_account') return { account_type: 'checking', bank_name: brand, fingerprint, last4 };
  return { country, fingerprint, last4 };
}

export function intentObject(intent: PaymentIntent): object {
  return {
    id: intent.id,
    object: 'payment_intent',
    amount: intent.amount,
    amount_capturable: 0,
    amount_received: intent.amount_received,
    canceled_at: intent.canceled_at,
    cancellation_reason: intent.cancellation_reason,
    capture_method: 'automatic',
    client_secret: `${intent.id}_secret_${intent.id.slice(-8)}`,
    confirmation_method: 'automatic',
    created: intent.created,
    currency: intent.currency,
    customer: intent.customer,
    description: intent.description,
    last_payment_error: intent.last_payment_error && lastErrorObject(intent.last_payment_error),
    latest_charge: intent.latest_charge,
    livemode: false,
    metadata: intent.metadata,
    next_action: intent.status === 'requires_action' ? { type: 'use_stripe_sdk', use_stripe_sdk: {} } : null,
    payment_method: intent.payment_method,
    payment_method_types: intent.payment_method_types,
    status: intent.status,
  };
}

/** A decline as shown in `last_payment_error`. */
function lastErrorObject(error: NonNullable<PaymentIntent['last_payment_error']>): object {
  const { charge, method, ...decline } = error;
  return { charge, ...decline, payment_method: methodObject(method), type: 'card_error' };
}

const RISK_DECLINES = ['fraudulent', 'highest_risk_level', 'merchant_blacklist'];

export function chargeObject(charge: Charge): object {
  return {
    id: charge.id,
    object: 'charge',
    amount: charge.amount,
    amount_captured: charge.amount_captured,
    amount_refunded: charge.amount_refunded,
    captured: charge.status === 'succeeded',
    created: charge.created,
    currency: charge.currency,
    customer: charge.intent.customer,
    disputed: charge.disputed,
    failure_code: charge.decline?.code ?? null,
    failure_message: charge.decline?.message ?? null,
    livemode: false,
    metadata: charge.intent.metadata,
    outcome: outcomeObject(charge),
    paid: charge.status === 'succeeded',
    payment_intent: charge.intent.id,
    payment_method: charge.method.id,
    payment_method_details: {
      type: charge.method.type,
      [charge.method.type]: detailsObject(charge.method),
    },
    refunded: charge.amount_refunded > 0 && charge.amount_refunded >= charge.amount_captured,
    status: charge.status === 'canceled' ? 'failed' : charge.status,
  };
}

function outcomeObject({ decline, status }: Charge): object | null {
  if (status === 'pending' || status === 'canceled') return null;
  if (decline === null) {
    return {
      network_status: 'approved_by_network',
      reason: null,
      risk_level: 'normal',
      seller_message: 'Payment complete.',
      type: 'authorized',
    };
  }
  const reason = decline.decline_code ?? decline.code;
  const blocked = RISK_DECLINES.includes(reason);
  return {
    advice_code: decline.advice_code ?? null,
    network_advice_code: decline.network_advice_code ?? null,
    network_decline_code: decline.network_decline_code ?? null,
    network_status: blocked ? 'not_sent_to_network' : 'declined_by_network',
    reason,
    risk_level: blocked ? 'highest' : 'normal',
    seller_message: decline.message,
    type: blocked ? 'blocked' : 'issuer_declined',
  };
}

export function refundObject(refund: Refund): object {
  return {
    id: refund.id,
    object: 'refund',
    amount: refund.amount,
    charge: refund.charge.id,
    created: refund.created,
    currency: refund.charge.currency,
    metadata: refund.metadata,
    payment_intent: refund.charge.intent.id,
    reason: refund.reason,
    status: refund.status,
    ...(refund.failure_reason !== null && { failure_reason: refund.failure_reason }),
  };
}

export function disputeObject(dispute: Dispute): object {
  const { id, charge, amount, reason, status, created } = dispute;
  const isInquiry = status.startsWith('warning_');
  return {
    id,
    object: 'dispute',
    amount,
    balance_transactions: [],
    charge: charge.id,
    created,
    currency: charge.currency,
    enhanced_eligibility_types: [],
    evidence: {},
    evidence_details: { due_by: null, has_evidence: false, past_due: false, submission_count: 0 },
    is_charge_refundable: isInquiry,
    livemode: false,
    metadata: {},
    payment_intent: charge.intent.id,
    payment_method_details: { type: charge.method.type },
    reason,
    status,
  };
}

export function fraudWarningObject({ id, charge, fraud_type, created }: FraudWarning): object {
  return {
    id,
    object: 'radar.early_fraud_warning',
    actionable: !charge.disputed && charge.amount_refunded < charge.amount_captured,
    charge: charge.id,
    created,
    fraud_type,
    livemode: false,
    payment_intent: charge.intent.id,
  };
}

export function mandateObject({ id, payment_method, type, status }: Mandate, method: PaymentMethod): object {
  return {
    id,
    object: 'mandate',
    customer_acceptance: { accepted_at: method.created, type: 'offline', offline: {} },
    livemode: false,
    [type]: {},
    payment_method,
    payment_method_details: { type: method.type, [method.type]: {} },
    status,
    type,
  };
}
