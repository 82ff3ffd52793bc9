/** Rules for each single node: Neo4j's Community edition has no existence, type or range constraints. */

import { isCountry } from '../../domain/countries.ts';
import { isCurrency } from '../../domain/money.ts';
import { NETWORKS, PAYMENT_METHOD_STATUSES, PAYMENT_METHOD_TYPES } from '../../domain/payment-method.ts';
import { expiresOn } from '../../domain/payment-method.ts';
import type { Label, Properties } from '../events/model.ts';

/** A rule in words, and whether a value satisfies it. */
interface Rule {
  description: string;
  holds: (value: unknown, node: Properties) => boolean;
  /** Whether the property may be absent. */
  optional?: true;
}

const rule = (description: string, holds: Rule['holds']): Rule => ({ description, holds });
const optional = (required: Rule): Rule => ({ ...required, optional: true });
const oneOf = (...values: readonly string[]) =>
  rule(`one of ${values.join(', ')}`, (value) => values.includes(value as string));
const integer = (min: number, max = Number.MAX_SAFE_INTEGER) =>
  rule(
    max === Number.MAX_SAFE_INTEGER ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`,
    (value) => Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max,
  );
const text = rule('a non-empty string', (value) => typeof value === 'string' && value !== '');
const texts = rule(
  'a list of non-empty strings',
  (value) => Array.isArray(value) && value.every((item) => typeof item === 'string' && item !== ''),
);
const flag = rule('true or false', (value) => typeof value === 'boolean');
const time = rule('a timestamp', (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value)));
const sealed = rule('sealed', (value) => typeof value === 'string' && value.startsWith('s1:'));
const currency = rule('an ISO 4217 code', (value) => typeof value === 'string' && isCurrency(value));
const country = rule('an ISO 3166-1 code', (value) => typeof value === 'string' && isCountry(value));
const fraction = rule(
  'a number from 0 to 1',
  (value) => typeof value === 'number' && value >= 0 && value <= 1,
);
const timestamps = { created_at: time, updated_at: time };

const RULES: Readonly<Record<Label, Readonly<Record<string, Rule>>>> = {
  Customer: {
    ltv_minor: integer(0),
    acquisition_date: time,
    segment: rule(
      'characters of A–Z, 0–9 and _',
      (value) => typeof value === 'string' && /^[A-Z0-9_]+$/.test(value),
    ),
    status: oneOf('active', 'suspended', 'erasing', 'erased', 'merged'),
    version: integer(1),
    ...timestamps,
  },
  Device: {
    fingerprint: sealed,
    fingerprint_hash: text,
    trust_score: fraction,
    last_seen_ip: optional(sealed),
    version: integer(1),
    ...timestamps,
  },
  PaymentMethod: {
    type: oneOf(...PAYMENT_METHOD_TYPES),
    status: oneOf(...PAYMENT_METHOD_STATUSES),
    token: sealed,
    token_hash: text,
    network: optional(oneOf(...NETWORKS)),
    last_four: optional(rule('four digits', (value) => typeof value === 'string' && /^\d{4}$/.test(value))),
    expiry_month: optional(integer(1, 12)),
    expiry_year: optional(integer(2000, 2199)),
    expires_on: optional(
      rule(
        'the last day of the expiry month',
        (value, { expiry_month, expiry_year }) =>
          value === expiresOn(Number(expiry_month), Number(expiry_year)),
      ),
    ),
    country: optional(country),
    ...timestamps,
  },
  Address: {
    type: oneOf('shipping', 'billing'),
    street1: sealed,
    street2: optional(sealed),
    city: text,
    zip_code: text,
    address_hash: text,
    country,
    is_default: flag,
    is_verified: flag,
    ...timestamps,
  },
  DigitalIdentifier: {
    type: oneOf('email', 'phone_number'),
    value: sealed,
    value_hash: text,
    is_verified: flag,
    ...timestamps,
  },
  BehavioralProfile: { baseline_data_ref: text, last_updated: time },
  Obligation: {
    payment_id: rule('1–128 characters of A–Z a–z 0–9 . _ -', (value) =>
      /^[A-Za-z0-9._-]{1,128}$/.test(String(value)),
    ),
    customer_id: text,
    amount: optional(integer(1)),
    currency: optional(currency),
    kind: optional(oneOf('recurring', 'one_time')),
    state: oneOf('open', 'needs_review', 'recovered', 'stopped', 'paid_elsewhere', 'exhausted', 'cancelled'),
    rule: text,
    opened_at: time,
  },
  ChargeAttempt: {
    source: oneOf('recovery', 'reported'),
    payment_id: text,
    customer_id: text,
    // Erasure has left it without its method.
    payment_method_id: optional(text),
    amount: integer(1),
    currency,
    state: oneOf('in_flight', 'approved', 'declined', 'pending', 'unknown', 'void'),
    overpaid: flag,
    card_dead: optional(flag),
    claimed_at: time,
  },
  Overpayment: {
    payment_id: text,
    customer_id: text,
    key: text,
    first_seq: integer(1),
    refund_owed: flag,
    refund_tries: integer(0),
  },
  Refund: { refund_ref: text, payment_id: text, customer_id: text, key: text },
  Notice: { customer_id: text, template: text, state: oneOf('sent', 'failed', 'withdrawn'), ended_at: time },
  FraudCase: {
    customer_id: text,
    last_occurred_at: time,
    applied: text,
    outcome: text,
    state: oneOf('needs_review', 'settled'),
    review_since: optional(time),
  },
  AgentPersona: {
    display_name: text,
    role: text,
    system_prompt: text,
    context: optional(text),
    expertise: texts,
    response_format: optional(text),
    persona_type: text,
    is_active: flag,
    version: integer(1),
    ...timestamps,
  },
  PersonaConfiguration: { value: text, version: integer(1), ...timestamps },
  Contest: {
    customer_id: text,
    seq: integer(1),
    state: oneOf('open', 'upheld', 'rejected'),
    reason: sealed,
    explanation: optional(sealed),
    opened_at: time,
    opened_seq: integer(1),
    decided_at: optional(time),
  },
  Note: { customer_id: text, about_seq: integer(1), text: sealed, noted_at: time },
};

/** A pseudonym has nothing else. */
const ERASED_CUSTOMER: Readonly<Record<string, Rule>> = { version: integer(1), ...timestamps };

/** The properties of a node that are missing or break their rule, with the rule in words. */
export function brokenRules(label: Label, node: Properties): { property: string; description: string }[] {
  const rules = label === 'Customer' && node.status === 'erased' ? ERASED_CUSTOMER : RULES[label];
  return Object.entries(rules).flatMap(([property, { description, holds, optional: isOptional }]) => {
    const value = node[property] ?? null;
    if (value === null ? isOptional : holds(value, node)) return [];
    return [{ property, description }];
  });
}
